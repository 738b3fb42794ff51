"""The first start of PostgreSQL in its image, killed at any place: the next one makes what a start makes that was not.

Programs of a folder before all others count the commands of the script, and kill it before one of them.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archive.postgres import USER, programs

ROOT = Path(__file__).parents[2]
COMMANDS = ("find", "rm", "mktemp", "initdb", "postgres", "chmod", "mv", "rmdir")
COUNTED = """#!/bin/sh
echo "$(basename "$0")" >>"$STEPS"
case "$(basename "$0") $*" in "postgres -D"*) exit 0 ;; esac
[ "$(wc -l <"$STEPS")" != "$KILL_BEFORE" ] || { kill -9 $PPID; exit; }
PATH=$REST_OF_PATH
exec "$(basename "$0")" "$@"
"""
"""It serves nobody: the last command of the script, which takes its place, is taken for done."""

FAKES = {
    "initdb": """#!/bin/sh
for word; do case "$word" in --pgdata=*) data=${word#*=} ;; --pwfile=*) secret=${word#*=} ;; esac; done
[ -z "$(ls -A "$data" 2>/dev/null)" ] && [ -s "$secret" ] || exit 1
mkdir -p "$data/base/1"
echo 15 >"$data/PG_VERSION"
echo 'local all all scram-sha-256' >"$data/pg_hba.conf"
echo postgres >"$data/base/names"
""",
    "postgres": """#!/bin/sh
read -r asked
case "$asked" in
    CREATE*) echo "$asked" | cut -d '"' -f 2 >>"$3/base/names" ;;
    SELECT*) sed 's/.*/datname = "&"/' "$3/base/names" ;;
esac
""",
}


class FirstStarts:
    """Starts of the script in one folder of data. `real`: the folder of PostgreSQL's programs; None for such as do the
    least that the script needs."""

    def __init__(self, folder: Path, real: Path | None = None) -> None:
        self._steps, self.data = folder / "steps", folder / "data"
        counting, fakes = folder / "counting", folder / "fakes"
        for path in (folder, counting, fakes, self.data):
            path.mkdir(exist_ok=True)
        for place, texts in ((counting, dict.fromkeys(COMMANDS, COUNTED)), (fakes, {} if real else FAKES)):
            for name, text in texts.items():
                (place / name).write_text(text)
                (place / name).chmod(0o755)
        rest = f"{real or fakes}:{os.environ['PATH']}"
        self._environment = {
            "PATH": f"{counting}:{rest}",
            "REST_OF_PATH": rest,
            "STEPS": str(self._steps),
            "PGDATA": str(self.data),
            "POSTGRES_USER": "speakerline",
            "POSTGRES_PASSWORD": "sesame",
            "TMPDIR": str(folder),
        }
        self._as_user: list[str] = []
        if real and os.getuid() == 0:
            self._as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"]
            for path in (folder, self.data):
                shutil.chown(path, USER)

    def start(self, kill_before: int = 0) -> int:
        """Its exit status; killed before that command, the first being 1; 0 = not at all."""
        self._steps.unlink(missing_ok=True)
        return self._run("sh", str(ROOT / "deploy" / "postgres.sh"), KILL_BEFORE=str(kill_before)).returncode

    @property
    def steps(self) -> list[str]:
        """The commands of the last start."""
        return self._steps.read_text().split()

    @property
    def is_whole(self) -> bool:
        """Whether it has the database, and whoever knows the password may come to it from elsewhere."""
        command = ("postgres", "--single", "-D", str(self.data), "postgres")
        asked = "SELECT datname FROM pg_database\n"
        told = self._run(*command, told=asked, PATH=self._environment["REST_OF_PATH"]).stdout
        rules = (self.data / "pg_hba.conf").read_text().splitlines()
        return 'datname = "speakerline"' in told and rules.count("host all all all scram-sha-256") == 1

    def _run(self, *command: str, told: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
        environment = {**self._environment, **environment}
        return subprocess.run(
            [*self._as_user, *command], env=environment, input=told, capture_output=True, text=True, cwd="/"
        )


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that another user may reach, which the folders of pytest are not for."""
    made = Path(tempfile.mkdtemp(prefix="first-starts-"))
    yield made
    shutil.rmtree(made)


def test_a_start_that_was_killed_before_any_of_its_commands_is_made_good_by_the_next(folder: Path) -> None:
    undisturbed = FirstStarts(folder / "undisturbed")
    assert undisturbed.start() == 0 and undisturbed.is_whole
    commands = len(undisturbed.steps)
    assert undisturbed.start() == 0 and undisturbed.steps == ["postgres"], "it is made once"
    for number in range(1, commands):
        starts = FirstStarts(folder / f"killed-{number}")
        assert starts.start(kill_before=number) == -signal.SIGKILL
        assert starts.start() == 0 and starts.is_whole, starts.steps


def test_a_start_may_be_killed_again_and_again(folder: Path) -> None:
    starts = FirstStarts(folder)
    for number in (8, 1, 2, 9, 6, 4, 8):
        assert starts.start(kill_before=number) == -signal.SIGKILL
    assert starts.start() == 0 and starts.is_whole


def test_postgresql_itself_has_its_database_after_a_start_that_was_killed(folder: Path) -> None:
    if not (real := programs()):
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    starts = FirstStarts(folder, real)
    create_database = 1 + ["mktemp", "initdb", "rm", "postgres"].index("postgres")
    assert starts.start(kill_before=create_database) == -signal.SIGKILL
    assert starts.steps[-1] == "postgres" and not (starts.data / "PG_VERSION").exists()
    assert starts.start() == 0 and starts.is_whole
