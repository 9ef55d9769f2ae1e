"""What time it is, for everything that is decided: the database's clock, and never earlier than it was.

The latest moment seen is kept, so a clock that goes back revives nothing that had ended.
After a small step time runs at half speed until the clock has caught up. After a large one
it runs on as before, and is in doubt: nothing new is opened, everything can be ended, and
somebody looks: the clock is put right, or `manage.py clock --trust` says that it is.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.http import HttpRequest

from enrollment import audit, notices
from enrollment.durations import seconds_in_words
from enrollment.models import LatestMoment, Pep
from enrollment.moments import in_words
from enrollment.sentences import joined, say
from enrollment.signals import nudge

log = logging.getLogger(__name__)

LEAD = timedelta(minutes=5)  # a larger step back is no clock's upkeep
FULL_SPEED, HALF_SPEED = 1.0, 0.5
ROW = 1
LOOK = "SELECT clock_timestamp(), max(seen_at), max(doubted_since) FROM enrollment_latestmoment WHERE id = 1"
ADVANCE = """
    UPDATE enrollment_latestmoment SET seen_at = clock_timestamp()
    WHERE id = 1 AND doubted_since IS NULL AND seen_at <= clock_timestamp() RETURNING seen_at
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the clock says, and what it has said before."""

    clock: datetime
    seen: datetime
    doubted_since: datetime | None = None

    @property
    def now(self) -> datetime:
        return max(self.clock, self.seen)

    @property
    def behind(self) -> timedelta:
        return self.now - self.clock


@dataclass(slots=True)
class Pace:
    """This process's last tick, by a clock that nobody sets: time passes for those too who cannot tell what time it is."""

    seen: datetime | None = None
    since: float = 0.0

    def reached(self, seen: datetime, speed: float) -> datetime:
        """Return how far time has come since the last tick, others' ticks counted once; `seen` where it was put back since."""
        if self.seen is None or self.seen > seen:
            return seen
        return max(seen, self.seen + timedelta(seconds=(time.monotonic() - self.since) * speed))

    def keep(self, seen: datetime) -> None:
        self.seen, self.since = seen, time.monotonic()


PACE = Pace()


def now() -> datetime:
    """Ask what time it is, in one query. Only views, tasks, commands and the admin ask, once, and hand it on."""
    return look().now


def of(request: HttpRequest) -> datetime:
    """Return the moment of this request, asked for once: the admin asks in many places."""
    if "moment" not in request.__dict__:
        request.__dict__["moment"] = now()
    moment: datetime = request.__dict__["moment"]
    return moment


def look() -> Reading:
    """Read the clock and the latest moment."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(LOOK)
            clock, seen, doubted_since = cursor.fetchone()
    else:
        clock = datetime.now(UTC)
        seen, doubted_since = LatestMoment.objects.filter(pk=ROW).values_list("seen_at", "doubted_since").first() or (None, None)
    return Reading(clock.astimezone(UTC), (seen or clock).astimezone(UTC), doubted_since)


def tick() -> datetime:
    """Ask what time it is, and keep it as seen: for the sweep, and for each pass over a PEP, before it ends or begins anything."""
    moment = _advance() or _catch_up(look())
    PACE.keep(moment)
    return moment


@transaction.atomic
def trust(reading: Reading) -> None:
    """Believe the clock, although it was later once. What ended by then has to be written down before: it stays ended."""
    row = LatestMoment.objects.select_for_update(no_key=True).get(pk=ROW)
    LatestMoment.objects.filter(pk=ROW).update(seen_at=reading.clock, doubted_since=None)
    data = {"from": reading.now, "to": reading.clock, "behind_seconds": int(reading.behind.total_seconds())}
    audit.append("clock.trusted", actor=None, subject=row, data=data, now=reading.clock)
    nudge(Pep.objects.values_list("pk", flat=True))


def _advance() -> datetime | None:
    """Move the row to now, in one query. None: there is no row yet, or the clock is behind it, or was."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(ADVANCE)
            found = cursor.fetchone()
            return found[0].astimezone(UTC) if found else None
    clock = datetime.now(UTC)
    return clock if LatestMoment.objects.filter(pk=ROW, doubted_since=None, seen_at__lte=clock).update(seen_at=clock) else None


def _catch_up(reading: Reading) -> datetime:
    """Let time pass without the clock. The row moves only from where it was read, so nobody undoes what `trust` did meanwhile."""
    if LatestMoment.objects.get_or_create(pk=ROW, defaults={"seen_at": reading.clock})[1]:
        return reading.clock
    in_doubt = reading.behind > LEAD
    moment = max(reading.clock, PACE.reached(reading.seen, FULL_SPEED if in_doubt else HALF_SPEED))
    LatestMoment.objects.filter(pk=ROW, seen_at=reading.seen).update(seen_at=moment)
    if in_doubt != bool(reading.doubted_since):
        _tell(reading, in_doubt=in_doubt)
    return moment


@transaction.atomic
def _tell(reading: Reading, *, in_doubt: bool) -> None:
    """Write down, once, that the clock is in doubt, or no longer."""
    told = LatestMoment.objects.filter(pk=ROW, doubted_since__isnull=in_doubt)
    if told.update(doubted_since=reading.now if in_doubt else None) != 1:
        return
    row = LatestMoment.objects.get(pk=ROW)
    data = {"clock": reading.clock, "seen": reading.seen, "behind_seconds": int(reading.behind.total_seconds())}
    audit.append("clock.doubted" if in_doubt else "clock.caught_up", actor=None, subject=row, data=data, now=reading.now)
    if in_doubt:
        words = seconds_in_words(int(reading.behind.total_seconds()))
        log.error("The clock went back by %s: nothing new is opened until it is right, or `manage.py clock --trust` says so.", words)
        text = (
            say(
                "It says {clock}, and said {seen} before: {behind} later.",
                clock=in_words(reading.clock),
                seen=in_words(reading.seen),
                behind=words,
            ),
            say("Until this is settled nothing new is opened; what runs ends in time, and everything can be ended."),
            say("If the clock is wrong, put it right. If it is right, because it had been ahead, run: manage.py clock --trust"),
        )
        notices.tell_admins(say("The portal's clock went back"), joined(text, "\n"))
