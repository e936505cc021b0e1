"""The personal data vault: names, telephones and identity papers, sealed under a key per subject.

Whoever reads persons from here gets them masked, except through `reveal` and what `usecases/vault`
audits. The key ring comes from the environment and is read once per process.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from services.registry.domain.masks import masked_name, masked_phone
from services.registry.settings import VaultKeys
from services.registry.store.bulk import execute, fetch
from shared.platform.bulk import insert_rows
from shared.platform.database import Transaction
from shared.platform.vault import Keyring, Wrapped, open_box, seal

SubjectKind = Literal["enterprise", "staff", "party", "upload"]

#: Joins that bring what `opened` needs, for a subject named by the argument.
JOIN: Final = (
    " left join person_data p on p.subject_id = {subject}"
    " left join data_key dk on dk.subject_id = p.subject_id"
)
COLUMNS: Final = "p.box, dk.master, dk.wrapped"


class Person(msgspec.Struct, frozen=True, array_like=True):
    """A legal representative, a member of staff, a person of the directory; empty: not known."""

    name: str = ""
    phone: str = ""
    id_type: str = ""
    id_number: str = ""

    @property
    def known(self) -> bool:
        """Whether there is anything to keep."""
        return bool(self.name or self.phone or self.id_number)

    def masked(self) -> "Person":
        """As shown by default."""
        return Person(masked_name(self.name), masked_phone(self.phone), self.id_type, "")


class Subject(NamedTuple):
    """Whose data these are."""

    subject_id: UUID
    kind: SubjectKind
    person: Person


NOBODY: Final = Person()
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Person).decode


@cache
def keyring() -> Keyring:
    """The keys this process was started with."""
    keys = VaultKeys()  # pyright: ignore[reportCallIssue] - from the environment
    return Keyring.parse(keys.master_keys, keys.phone_index_key)


def opened(
    subject_id: UUID, box: bytes | None, master: str | None, wrapped: bytes | None
) -> Person:
    """The person in a stored box; nobody where there is none, or its key was destroyed.

    Raises: VaultClosed.
    """
    if box is None or master is None or wrapped is None:
        return NOBODY
    key = keyring().unwrap(subject_id, Wrapped(master, wrapped))
    return _DECODE(open_box(key, box, bound_to=subject_id.bytes))


def phone_mac(phone: str) -> bytes | None:
    """What stands for a telephone in look-ups: its digits under the index key."""
    digits = "".join(filter(str.isdigit, phone))
    return keyring().mac(digits) if digits else None


async def add_persons(tx: Transaction, subjects: Iterable[Subject]) -> None:
    """Store persons of subjects that are new to the registry."""
    await copy_in(await tx.driver(), keyring(), subjects)


async def copy_in(driver: Any, ring: Keyring, subjects: Iterable[Subject]) -> None:
    """Put new subjects' boxes and keys in, many at a time."""
    known = [each for each in subjects if each.person.known]
    if not known:
        return
    sealed = ring.seal_new([(each.subject_id, _ENCODE(each.person)) for each in known])
    boxes: list[tuple[Any, ...]] = []
    keys: list[tuple[Any, ...]] = []
    for (subject_id, kind, person), ((master, wrapped), box) in zip(known, sealed, strict=True):
        boxes.append((subject_id, box, phone_mac(person.phone)))
        keys.append((subject_id, kind, master, wrapped))
    await insert_rows(driver, "data_key", ("subject_id", "kind", "master", "wrapped"), keys)
    await insert_rows(driver, "person_data", ("subject_id", "box", "phone_mac"), boxes)


async def put_persons(tx: Transaction, subjects: Sequence[Subject]) -> None:
    """Store persons over what was there, under the keys they have.

    Who was erased stays erased: a later list does not bring the person back.
    """
    ids = [each.subject_id for each in subjects]
    if not ids:
        return
    stored = await _stored(tx, ids)
    gone = await _erased(tx, ids)
    boxes: list[tuple[UUID, bytes, bytes | None]] = []
    for subject_id, _, person in subjects:
        if subject_id in stored:
            key, before = stored[subject_id]
            box = seal(key, _ENCODE(_with_papers(person, before)), bound_to=subject_id.bytes)
            boxes.append((subject_id, box, phone_mac(person.phone)))
    if boxes:
        await execute(
            tx,
            "update person_data as d set box = n.box, phone_mac = n.phone_mac from"
            " unnest($1::uuid[], $2::bytea[], $3::bytea[]) as n(subject_id, box, phone_mac)"
            " where d.subject_id = n.subject_id",
            *(list(column) for column in zip(*boxes, strict=True)),
        )
    await add_persons(
        tx, [each for each in subjects if each.subject_id not in stored.keys() | gone]
    )


def _with_papers(person: Person, before: Person) -> Person:
    """Lists say nothing of identity papers: what was entered by hand stays."""
    if person.id_number or not before.id_number or person.name != before.name:
        return person
    return msgspec.structs.replace(person, id_type=before.id_type, id_number=before.id_number)


async def _stored(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, tuple[bytes, Person]]:
    """Key and present person of those that have any."""
    rows = await fetch(
        tx,
        "select subject_id, dk.master, dk.wrapped, p.box from data_key dk join person_data p"
        " using (subject_id) where subject_id = any($1::uuid[]) for update",
        ids,
    )
    ring = keyring()
    found: dict[UUID, tuple[bytes, Person]] = {}
    for subject_id, master, wrapped, box in rows:
        key = ring.unwrap(subject_id, Wrapped(master, wrapped))
        person = _DECODE(open_box(key, box, bound_to=subject_id.bytes))
        found[subject_id] = (key, person)
    return found


async def _erased(tx: Transaction, ids: Sequence[UUID]) -> set[UUID]:
    rows = await fetch(
        tx,
        "select subject_id from erasure where state = 'approved' and subject_id = any($1::uuid[])",
        ids,
    )
    return {row[0] for row in rows}


async def find_person(tx: Transaction, subject_id: UUID) -> Person:
    """A subject's person, unmasked: only for what is audited."""
    rows: list[asyncpg.Record] = await fetch(
        tx,
        f"select {COLUMNS} from person_data p left join data_key dk using (subject_id)"
        " where p.subject_id = $1",
        subject_id,
    )
    return opened(subject_id, *rows[0]) if rows else NOBODY


async def masked_names(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names of subjects as shown by default; who is not kept is not among them."""
    rows = await fetch(
        tx,
        f"select p.subject_id, {COLUMNS} from person_data p left join data_key dk using"
        " (subject_id) where p.subject_id = any($1::uuid[])",
        list(ids),
    )
    return {row[0]: opened(row[0], *tuple(row)[1:]).masked().name for row in rows}


async def subjects_by_phone(tx: Transaction, phone: str, limit: int) -> list[UUID]:
    """The subjects with this telephone."""
    rows = await fetch(
        tx,
        "select subject_id from person_data where phone_mac = $1 order by subject_id limit $2",
        phone_mac(phone),
        limit,
    )
    return [row[0] for row in rows]
