"""Time-based codes: the standard's own vectors, enrolment, replay, recovery, who must have one."""

import base64
import time

import pytest

from services.identity.domain import totp
from services.identity.domain.sealing import Sealer, Unsealable, new_key
from tests.identity.people import PASSWORD, Browser, browser, opened
from tests.support.stack import Stack

#: RFC 6238, appendix B, for SHA-1; its eight digits cut to the six that phones show.
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


@pytest.mark.parametrize(("unix", "code"), VECTORS)
def test_codes_are_those_of_the_standard(unix: int, code: str) -> None:
    assert totp.code_at(b"12345678901234567890", unix // 30) == code[-6:]


@pytest.mark.parametrize(
    ("off", "fits"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)]
)
def test_a_code_fits_one_step_to_either_side(off: int, fits: bool) -> None:
    secret, now = totp.new_secret(), 1_800_000_015
    code = totp.code_at(secret, (now + off) // 30)

    assert (totp.matching_step(secret, code, unix=now, after=0) is not None) is fits


def test_a_used_step_and_those_before_it_fit_no_more() -> None:
    secret, now = totp.new_secret(), 1_800_000_015
    step = now // 30

    assert totp.matching_step(secret, totp.code_at(secret, step), unix=now, after=step) is None
    assert totp.matching_step(secret, totp.code_at(secret, step - 1), unix=now, after=step) is None
    assert totp.matching_step(secret, totp.code_at(secret, step + 1), unix=now, after=step)


def test_what_is_sealed_opens_for_its_purpose_with_any_of_two_keys() -> None:
    old, new = new_key(), new_key()
    sealed = Sealer.from_text(old).seal(b"secret", "totp:1")
    both = Sealer.from_text(f"{new},{old}")

    assert both.open(sealed, "totp:1") == b"secret"
    for wrong in (sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:20]):
        with pytest.raises((Unsealable, ValueError)):
            both.open(wrong, "totp:1")
    with pytest.raises(Unsealable):
        both.open(sealed, "totp:2")
    with pytest.raises(Unsealable):
        Sealer.from_text(new).open(sealed, "totp:1")
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer.from_text("c2hvcnQ=")


class Phone:
    """An authenticator app; `ahead` shows the next code, as if half a minute had passed."""

    def __init__(self, secret: str) -> None:
        self.secret = base64.b32decode(secret)
        self.ahead = 0

    @property
    def code(self) -> str:
        return totp.code_at(self.secret, int(time.time()) // 30 + self.ahead)


async def enrolled(stack: Stack, username: str) -> tuple[Browser, Phone, list[str]]:
    one, body = browser(stack), {"username": username, "password": PASSWORD}
    begun = (await one.send("POST", "/totp/enrolments", json=body)).json()
    phone = Phone(begun["secret"])
    assert begun["address"].startswith("otpauth://totp/")
    confirmed = await one.send("POST", "/totp/confirmations", json=body | {"code": phone.code})
    phone.ahead = 1
    return one, phone, confirmed.json()["recovery_codes"]


@pytest.mark.parametrize(
    "role",
    ["province_regulator", "bureau", "bank_head", "platform_admin", "auditor", "association"],
)
async def test_console_roles_do_not_sign_in_without_a_second_factor(
    stack: Stack, role: str
) -> None:
    await opened(stack, "console", role=role)

    refused = await browser(stack).sign_in("console")
    one, phone, _ = await enrolled(stack, "console")
    signed_in = await one.sign_in("console", code=phone.code)

    assert (refused.status_code, refused.json()["code"]) == (403, "account.totp_required")
    assert signed_in.status_code == 200
    assert (await one.authz()).status_code == 204


async def test_a_managers_second_factor_is_of_free_will_and_then_asked_for(stack: Stack) -> None:
    await opened(stack)
    assert (await browser(stack).sign_in("rm-1")).status_code == 200
    one, phone, _ = await enrolled(stack, "rm-1")

    without = await one.sign_in("rm-1")
    wrong = await one.sign_in("rm-1", code="000000")
    right = await one.sign_in("rm-1", code=phone.code)

    assert (without.status_code, without.json()["code"]) == (401, "account.second_factor")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "account.second_factor_wrong")
    assert right.status_code == 200


async def test_S11_a_code_is_good_once(stack: Stack) -> None:
    await opened(stack)
    one, phone, _ = await enrolled(stack, "rm-1")

    answers = [(await one.sign_in("rm-1", code=phone.code)).status_code for _ in range(2)]

    assert answers == [200, 401]


async def test_a_recovery_code_stands_in_once(stack: Stack) -> None:
    await opened(stack)
    one, _, codes = await enrolled(stack, "rm-1")

    answers = [
        (await one.sign_in("rm-1", recovery_code=code)).status_code
        for code in (codes[0].lower(), codes[0], codes[1], "WRONGCODE2")
    ]

    assert len(codes) == 10
    assert answers == [200, 401, 200, 401]


async def test_an_enrolled_phone_is_replaced_only_by_who_holds_it_or_a_recovery_code(
    stack: Stack,
) -> None:
    await opened(stack)
    one, phone, codes = await enrolled(stack, "rm-1")
    body = {"username": "rm-1", "password": PASSWORD}

    bare = await one.send("POST", "/totp/enrolments", json=body)
    recovered = await one.send("POST", "/totp/enrolments", json=body | {"recovery_code": codes[0]})
    new = Phone(recovered.json()["secret"])
    confirmed = await one.send("POST", "/totp/confirmations", json=body | {"code": new.code})
    old = await one.sign_in("rm-1", code=phone.code)

    assert bare.status_code == 401
    assert confirmed.status_code == 200
    assert old.status_code == 401


async def test_nothing_to_confirm_is_said_so(stack: Stack) -> None:
    await opened(stack)
    body = {"username": "rm-1", "password": PASSWORD, "code": "123456"}

    answer = await browser(stack).send("POST", "/totp/confirmations", json=body)

    assert (answer.status_code, answer.json()["code"]) == (409, "account.totp_not_begun")


async def test_S11_ten_wrong_codes_shut_the_name(stack: Stack) -> None:
    await opened(stack)
    one, phone, _ = await enrolled(stack, "rm-1")

    wrong = [(await one.sign_in("rm-1", code="000000")).status_code for _ in range(10)]
    locked = await one.sign_in("rm-1", code=phone.code)

    assert wrong == [401] * 10
    assert locked.status_code == 429


async def test_secret_and_recovery_codes_are_not_readable_in_the_database(stack: Stack) -> None:
    await opened(stack)
    _, phone, codes = await enrolled(stack, "rm-1")

    rows = await stack.rows("identity", "select secret from factor")
    kept = await stack.rows("identity", "select string_agg(r::text, ' ') as t from recovery_code r")

    assert phone.secret not in bytes(rows[0]["secret"])
    assert not any(code in kept[0]["t"] for code in codes)
