"""Bodies of visits that the visits API takes, and what has to be there before it does."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import msgspec

from benchmarks.bed import Bed
from benchmarks.client import Connection
from benchmarks.history.logs import write_beginning
from benchmarks.history.world import CAMPAIGN, World

PATH = "/api/visits/v1/visits"


@dataclass(frozen=True, slots=True)
class Post:
    """One request: body and headers, with a key of its own."""

    visit_id: UUID
    body: bytes
    headers: dict[str, str]

    async def send(self, connection: Connection, path: str = PATH) -> None:
        """Send it; anything but 201 ends the measurement."""
        status, answer = await connection.ask("POST", path, self.headers, self.body)
        if status != 201:
            raise RuntimeError(f"{path} answered {status}: {answer.decode()}")


@dataclass(slots=True)
class Visitors:
    """Managers with tokens who visit the enterprises in their care, each visit with a photo."""

    bed: Bed
    world: World
    _tokens: dict[UUID, str] = field(default_factory=dict[UUID, str])

    async def prepare(self) -> None:
        """Give visits the campaign through its own consumer; return when it knows everybody."""
        await write_beginning(self.bed, self.world)
        worker = self.bed.work("visits")
        await self.bed.until(
            "visits",
            "select count(*) from assignment where staff_id is not null",
            len(self.world.enterprises),
        )
        worker.stop()

    async def posts(self, count: int) -> list[Post]:
        """Requests to send; their photos are there already."""
        made = list(self._make(count))
        await self.bed.know("visits")
        connection = await self.bed.connect("visits")
        try:
            await connection.execute(
                "insert into photo (photo_id, institution_id, original_sha256, original_bytes,"
                " original_type, stored_sha256, stored_bytes, width, height, uploaded_at)"
                " select p, i, sha256(p::text::bytea), 90000, 'image/jpeg',"
                " sha256(p::text::bytea), 80000, 1600, 1200, now()"
                " from unnest($1::uuid[], $2::uuid[]) as u (p, i)",
                [photo_id for _, photo_id, _ in made],
                [institution_id for _, _, institution_id in made],
            )
            await connection.execute("analyze")
        finally:
            await connection.close()
        return [post for post, _, _ in made]

    def _make(self, count: int) -> Iterator[tuple[Post, UUID, UUID]]:
        for turn in range(count):
            number = turn % len(self.world.enterprises)
            place = self.world.place_of(number)
            visit_id, photo_id = uuid4(), uuid4()
            body = {
                "visit_id": visit_id,
                "campaign_id": CAMPAIGN,
                "enterprise_id": self.world.enterprises[number],
                "visited_on": "2022-06-14",
                "started_at": "2022-06-14T10:00:00+08:00",
                "staff_ids": [place.staff_id],
                "interviewee": {"role": "legal_representative", "name": "测试甲"},
                "place": {"longitude": 120.62, "latitude": 31.32, "accuracy_m": 20.0},
                "photo_ids": [photo_id],
                "told_campaign": True,
                "told_qr": True,
                "need": None,
                "note": "设备更新,需要流动资金。",
            }
            headers = {
                "authorization": f"Bearer {self._token(number)}",
                "content-type": "application/json",
                "idempotency-key": str(uuid4()),
            }
            post = Post(visit_id, msgspec.json.encode(body), headers)
            yield post, photo_id, place.institution_id

    def _token(self, number: int) -> str:
        place = self.world.place_of(number)
        if place.staff_id not in self._tokens:
            self._tokens[place.staff_id] = self.bed.token(
                "relationship_manager",
                institution_id=place.institution_id,
                outlet_id=place.outlet_id,
                staff_id=place.staff_id,
            )
        return self._tokens[place.staff_id]
