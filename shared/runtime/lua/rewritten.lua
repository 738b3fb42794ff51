-- Remembers in which run of Redis the append-only file was rewritten because that run had begun.
-- KEYS run   ARGV id of the run
redis.call('DEL', KEYS[1]) -- works in a full Redis, too: see scripts.py
return redis.call('SET', KEYS[1], ARGV[1])
