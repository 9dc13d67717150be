"""All key names. One hash tag per room, so that each script finds its keys on one Cluster node."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.model import RoomId

ROOMS = "fairgate:rooms"  # set of the room_ids that are loaded
WORKERS = "fairgate:workers"  # sorted set: worker id, last heartbeat (ms)
WEBS = "fairgate:webs"  # the same for web processes
PROCESS = "fairgate:process:"  # + a name from these: hash, its own report; TTL
FAN_CHALLENGE = "fairgate:fan-challenge:"  # + the hash of one that a fan's passkey has answered; TTL
SIGN_IN_LINK = "fairgate:sign-in:"  # + the hash of a link's code: the account it signs in; TTL
TOTALS = "fairgate:totals"  # hash: since_ms, when the counts over all processes started
WRITABLE = "fairgate:writable"  # written to check whether Redis accepts writes; TTL
STATUS_CHANNEL = "fairgate:status:"  # + room_id: the room's status changed
OUTCOME_CHANNEL = "fairgate:outcomes:"  # + instance: outcomes for the requests that instance holds open
SUBMITTED_CHANNEL = "fairgate:submitted:"  # + room_id: new requests in its stream, which was empty
CHANGE_CHANNEL = "fairgate:reservations"  # ids of reservations that were confirmed or have ended
SITES_CHANNEL = "fairgate:sites"  # the site rules were changed
ENDED_CHANNEL = "fairgate:ended:"  # + room_id: sessions that ended before their time
DAY_MS = 86_400_000


class NoticeKeys:
    """The keys of events for other systems; they belong to no room."""

    @property
    def events(self) -> str:
        """Stream: events, each reader with its own consumer group; capped."""
        return "fairgate:events"


class BusyKeys:
    """The key that lists rooms with work to do; it belongs to no room."""

    @property
    def busy(self) -> str:
        """Sorted set: room_id, score = last activity (ms); capped."""
        return "fairgate:busy"


class CountKeys:
    """The keys of counts over all processes; they belong to no room."""

    @property
    def counts(self) -> str:
        """Hash: a sample of `/metrics` -> its sum over all processes; TTL."""
        return "{fairgate}:counts"

    @property
    def counted(self) -> str:
        """Hash: process -> its last turn included in the sums; TTL."""
        return "{fairgate}:counted"


@dataclass(frozen=True, slots=True)
class RoomKeys:
    """The keys of one room. A script's `-- KEYS` line names attributes of this class.

    `day` (days since the epoch) picks the pair of hashes that remember submissions: two of them, each with a
    TTL, keep an outcome for 24 to 48 hours without a second index to clean up.
    """

    room_id: RoomId
    day: int = 0

    def _key(self, name: str) -> str:
        return f"{{{self.room_id}}}:{name}"

    # the waiting room -----------------------------------------------------------------------------------
    @property
    def conf(self) -> str:
        """Hash: settings, state, epoch, version (see `configure.lua`)."""
        return self._key("conf")

    @property
    def meter(self) -> str:
        """Hash: bucket level, last tick, serving position, last number, counters."""
        return self._key("meter")

    @property
    def prequeue(self) -> str:
        """Sorted set: visitor_id, score = draw (lottery) or order of arrival (fifo)."""
        return self._key("prequeue")

    @property
    def waiting(self) -> str:
        """Sorted set: visitor_id, score = queue number."""
        return self._key("waiting")

    @property
    def arrivals(self) -> str:
        """Sorted set of a part: visitor_id, score = the number they got there; kept while the room is."""
        return self._key("arrivals")

    @property
    def part(self) -> str:
        """Hash of a part: generation, epoch and server it is open on; its numbers of the round."""
        return self._key("part")

    @property
    def called(self) -> str:
        """Sorted set: visitor_id, score = claim deadline (ms)."""
        return self._key("called")

    @property
    def active(self) -> str:
        """Sorted set: visitor_id, score = session expiry (ms, a whole second)."""
        return self._key("active")

    @property
    def turns(self) -> str:
        """Hash: visitor_id -> queue number, for called and active visitors."""
        return self._key("turns")

    @property
    def ended(self) -> str:
        """Sorted set: visitor_id, score = when the place ended (ms); kept an hour."""
        return self._key("ended")

    @property
    def endings(self) -> str:
        """Hash: visitor_id -> done, expired, no_show or left |NUMBER (0: none yet); trimmed with `ended`."""
        return self._key("endings")

    @property
    def removed(self) -> str:
        """Set: visitors removed by staff; grows only by their actions."""
        return self._key("removed")

    @property
    def buyers(self) -> str:
        """Set: active visitors who hold or bought something; written by the reservation half."""
        return self._key("buyers")

    @property
    def outflow(self) -> str:
        """Hash: second of the minute -> admissions, for the measured outflow."""
        return self._key("outflow")

    @property
    def throttle(self) -> str:
        """Sorted set: client address, score = its theoretical arrival time (ms; GCRA)."""
        return self._key("throttle")

    @property
    def newcomers(self) -> str:
        """Sorted set: client address, score = when its full allowance of newcomers is restored (ms; GCRA);
        ~address, score = when its work is no longer made harder."""
        return self._key("newcomers")

    @property
    def solved(self) -> str:
        """Sorted set: used proofs of work, score = when they expire anyway (ms); capped."""
        return self._key("solved")

    @property
    def polls(self) -> str:
        """Sorted set: visitor_id, score = its theoretical arrival time (ms; GCRA)."""
        return self._key("polls")

    @property
    def wanted(self) -> str:
        """Hash: visitor_id -> tickets wanted at once, if ever more than one; :inside: a sum."""
        return self._key("wanted")

    @property
    def networks(self) -> str:
        """Hash: visitor_id -> the network they joined from as a keyed hash, if the id does not contain it;
        :NETWORK -> its number of called visitors who have not claimed."""
        return self._key("networks")

    @property
    def tickets(self) -> str:
        """Sorted set: used hand-over tickets, score = their expiry (ms); TTL a minute."""
        return self._key("tickets")

    @property
    def carried(self) -> str:
        """Sorted set: codes that carried a place, and CODE VISITOR NUMBER; score = their expiry (ms); TTL ten
        minutes."""
        return self._key("carried")

    @property
    def renewed(self) -> str:
        """Hash: visitor_id -> the original end of their session, before any renewal; TTL."""
        return self._key("renewed")

    @property
    def advances(self) -> str:
        """Hash: id of a manual admission -> how many it admitted; capped, TTL a day."""
        return self._key("advances")

    @property
    def origin(self) -> str:
        """Hash: server:NAME -> its last report of the shop's health; course, trouble: the autopilot's;
        TTL."""
        return self._key("origin")

    @property
    def origin_asked(self) -> str:
        """String: the room's Prometheus was queried a moment ago; TTL."""
        return self._key("origin_asked")

    @property
    def early_ends(self) -> str:
        """Sorted set: visitor_id number ended_ms of sessions that ended early, score = their planned end."""
        return self._key("early_ends")

    # reservations ---------------------------------------------------------------------------------------
    @property
    def stock(self) -> str:
        """Hash: total:TYPE free:TYPE held:TYPE sold:TYPE price:TYPE seated:TYPE, sums over all, windows."""
        return self._key("stock")

    @property
    def holds(self) -> str:
        """Hash: reservation_id -> held or sold|visitor_id|the terms of `include/granting.lua`."""
        return self._key("holds")

    @property
    def allowance(self) -> str:
        """Hash: visitor_id -> tickets held + confirmed; visitor_id:sold -> tickets confirmed."""
        return self._key("allowance")

    @property
    def seats(self) -> str:
        """Hash: the seats row by row, with their states (see `include/seats.lua`)."""
        return self._key("seats")

    @property
    def sitters(self) -> str:
        """Hash: seat_id -> visitor_id of its holder or buyer."""
        return self._key("sitters")

    @property
    def codes(self) -> str:
        """Hash: the effect of codes, and how often each is in use (see `include/codes.lua`)."""
        return self._key("codes")

    @property
    def turnover(self) -> str:
        """Sorted set: visitor_id or :NETWORK, score = its theoretical arrival time (ms); TTL an hour."""
        return self._key("turnover")

    @property
    def submissions(self) -> str:
        """Stream: requests not yet settled; `s` = reservation_id|visitor_id|fingerprint|instance|items, `d` =
        epoch|event_id|terms, what was granted."""
        return self._key("submissions")

    @property
    def batches(self) -> str:
        """Stream: the same, with one entry per batch; `o` = epoch|event_id, `b` = one line per submission:
        reservation_id|visitor_id|fingerprint|instance|items|traceparent|terms."""
        return self._key("batches")

    @property
    def batched(self) -> str:
        """Hash: how many submissions were ever added to `batches` (`taken`), and were settled (`settled`)."""
        return self._key("batched")

    @property
    def tries(self) -> str:
        """Hash: entry of the stream -> how often it was processed alone; TTL."""
        return self._key("tries")

    @property
    def lease(self) -> str:
        """String: worker|rooms, the worker that processes the submissions, and its number of rooms; TTL."""
        return self._key("lease")

    @property
    def samples(self) -> str:
        """Stream: samples of the room, one per second; capped, TTL a quarter of an hour."""
        return self._key("samples")

    @property
    def visitor_events(self) -> str:
        """Stream: visitor events for other systems, until a worker has published them; capped."""
        return self._key("visitor_events")

    @property
    def log(self) -> str:
        """Stream: events of the queue, until a worker has written them to the public log; capped."""
        return self._key("log")

    @property
    def outcomes(self) -> str:
        """Hash: reservation_id -> fingerprint|word|..., visitor_id:refused -> the last refusal; TTL 48 h."""
        return self._key(f"outcomes:{self.day}")

    @property
    def outcomes_before(self) -> str:
        """The same for the previous day."""
        return self._key(f"outcomes:{self.day - 1}")
