"""What a chaos run says at its end: the table, and how a timeline differs from the one that it must be."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median

from speakerline.shared.pipeline import ASR, SEPARATION
from tests.chaos.faults import Faults
from tests.chaos.gateways import Gateways
from tests.chaos.plan import Plan
from tests.chaos.workers import Supervisor

FAILING = (SEPARATION.name, ASR.name)


def takeovers(faults: Faults, supervisor: Supervisor) -> dict[str, list[float]]:
    """By kind of fault: seconds from the fault until another worker had the call."""
    takes = supervisor.takes()
    found: dict[str, list[float]] = {}
    for fault in faults.on_workers:
        first: dict[str, float] = {}
        for at, stage, call_id, log in takes:
            if stage == fault.stage and log != fault.log and at > fault.at and call_id in fault.owned:
                first.setdefault(call_id, at - fault.at)
        found.setdefault(fault.kind, []).extend(first.values())
    return found


def model_failures(expected: Mapping[str, list[bytes]]) -> dict[str, int]:
    """How many spans had to be marked, because a model failed on them, by reason."""
    bodies = [json.loads(event).get("gap") for events in expected.values() for event in events]
    details = Counter(body.get("detail", "") for body in bodies if body and body.get("stage") in FAILING)
    return {reason: details[reason] for reason in ("hung", "crashed", "out of memory")}


def words(expected: Mapping[str, list[bytes]]) -> int:
    """How many there are on all timelines."""
    bodies = (json.loads(event).get("transcript") or {} for events in expected.values() for event in events)
    return sum(len(body.get("words", ())) for body in bodies)


def difference(got: Sequence[bytes], expected: Sequence[bytes]) -> str:
    """What is missing, what is too much, and where the order is another; the first of each in full."""
    missing, added = Counter(expected) - Counter(got), Counter(got) - Counter(expected)
    found = [
        f"{sum(events.values())} {what}, the first {next(iter(events)).decode(errors='replace')}"
        for what, events in (("missing", missing), ("not expected", added))
        if events
    ]
    if not found:
        at = next(number for number, pair in enumerate(zip(got, expected, strict=True)) if pair[0] != pair[1])
        found = [f"another order from {at} on, where {got[at].decode(errors='replace')} comes first"]
    return f"{len(got)} events, expected {len(expected)}: {'; '.join(found)}"


def print_report(
    plan: Plan,
    faults: Faults,
    gateways: Gateways,
    supervisor: Supervisor,
    lease_s: float,
    expected: Mapping[str, list[bytes]],
) -> None:
    print("\nfault                     times   calls moved   takeover s: first  median    max")
    moved = takeovers(faults, supervisor)
    for kind, count in sorted(faults.count.items()):
        times = moved.get(kind, [])
        figures = f"{min(times):20.2f} {median(times):7.2f} {max(times):6.2f}" if times else ""
        print(f"{kind:<24} {count:>6}   {len(times) or '':>11}{figures}")
    for how, count in gateways.count.items():
        print(f"{f'gateway, {how.name}':<24} {count:>6}")
    print(f"{'worker died by itself':<24} {supervisor.died:>6}")
    print(f"{'frames sent again':<24} {plan.resent:>6}")
    print(f"{'frames out of order':<24} {plan.reordered:>6}")
    print(f"{'calls announced again':<24} {sum(len(call.announced_again_s) for call in plan.calls):>6}")
    print(f"{'calls erased':<24} {len(plan.forgotten):>6}")
    print(f"{'poison entries':<24} {sum(call.poisoned for call in plan.calls):>6}")
    for reason, count in model_failures(expected).items():
        print(f"{f'models {reason}':<24} {count:>6}")
    print(f"{'words':<24} {words(expected):>6}")
    print(f"{'overload':<24} {supervisor.shed():>6}")
    print(f"{'leases lost':<24} {supervisor.lost():>6}")
    print(f"(lease {lease_s} s, {supervisor.per_stage} workers a stage)")
