"""How often may one ask: by device, by member, by GTIN; and when the counters do not answer, a scan still is a scan."""

import logging
import time
from pathlib import Path

import pytest
from counting import Counted, wrong
from house import BASE, House
from registry import CANAL

from verifier.node import signed_request
from verifier.store.embedded import VOLATILE, EmbeddedRedis
from verifier.store.redis import connect
from verifier.web import limits
from verifier.web.limits import DEVICE, MEMBER
from verifier.web.words import WORDS


def test_hits_are_not_misses(counted: Counted) -> None:
    for _ in range(DEVICE.misses.amount + 2):
        assert counted.outcome(counted.house.world.pack("current", 0), "192.0.2.1") == "genuine"


def test_the_evidence_and_the_page_count_too(counted: Counted) -> None:
    for number in range(DEVICE.misses.amount):
        sent, base = {"text": wrong(counted.house, number).digital_link()}, {"REMOTE_ADDR": "192.0.2.1"}
        if number % 2:
            assert counted.http.post("/api/evidence", json=sent, environ_base=base).status_code == 200
        else:
            assert counted.http.post("/", data=sent, environ_base=base).status_code == 200
    page = counted.http.post("/", data=sent, environ_base=base, headers={"Accept-Language": "fr"})
    assert (page.status_code, page.content_type) == (429, "text/html; charset=utf-8")
    text = page.get_data(as_text=True)
    assert WORDS["problem.too_many.title"]["fr"].replace("'", "’") in text
    assert WORDS["problem.harmless"]["fr"] in text
    assert page.headers["Retry-After"]


def test_scans_are_bounded_by_device_through_every_door(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DEVICE", limits.Budget(type(DEVICE.scans)(4, 5), DEVICE.misses))
    pack = counted.house.world.pack("current", 0)
    link, base = pack.digital_link(), {"REMOTE_ADDR": "192.0.2.1"}
    doors = (
        lambda: counted.scan(pack),
        lambda: counted.http.post("/", data={"text": link}, environ_base=base),
        lambda: counted.http.post("/api/evidence", json={"text": link}, environ_base=base),
        lambda: counted.http.get(link.removeprefix("https://id.gs1.org"), environ_base=base),
    )
    assert [ask().status_code for ask in doors] == [200] * 4
    assert [ask().status_code for ask in doors] == [429] * 4
    assert counted.scan(pack, "192.0.2.9").status_code == 200


def test_a_photo_is_refused_before_it_is_read(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DEVICE", limits.Budget(type(DEVICE.scans)(1, 5), DEVICE.misses))
    body = b'--b\r\nContent-Disposition: form-data; name="image"; filename="p"\r\n\r\nI am no photo\r\n--b--\r\n'
    kind = "multipart/form-data; boundary=b"
    sent = [counted.http.post("/api/scan", data=body, content_type=kind).status_code for _ in range(2)]
    assert sent == [415, 429]


def test_a_member_has_its_own_and_larger_budget(counted: Counted) -> None:
    assert MEMBER.scans.amount > DEVICE.scans.amount
    assert MEMBER.misses.amount > DEVICE.misses.amount
    key = counted.house.key(CANAL)
    for number in range(DEVICE.misses.amount + 2):
        body = b'{"text": "%s"}' % wrong(counted.house, number).digital_link().encode()
        head = signed_request.sign("POST", f"{BASE}/api/scan", body, key.seed, key.kid)
        answer = counted.http.post(
            "/api/scan", base_url=BASE, data=body, headers=head | {"Content-Type": "application/json"}
        )
        assert answer.status_code == 200, answer.get_data()
    assert counted.outcome(wrong(counted.house, 0), "127.0.0.1") == "unknown"  # its device has spent nothing


def test_no_address_is_kept(counted: Counted) -> None:
    counted.outcome(wrong(counted.house, 0), "192.0.2.77")
    keys = [bytes(key) for key in counted.client.keys("*")]
    assert len(keys) == 4  # the day's secret, the device's scans, its misses, everybody's
    assert all(0 < counted.client.ttl(key) <= 2 * 86_400 for key in keys)
    kept = b"".join(keys)
    assert b"192.0.2.77" not in kept
    assert limits.device("192.0.2.77", b"").encode() not in kept


def test_another_day_another_name(counted: Counted) -> None:
    drawn = counted.desk.limits
    assert isinstance(drawn, limits.Counted)
    assert drawn._secret(1) != drawn._secret(2)
    assert drawn._drawn(1) == drawn._secret(1)  # another worker finds the same


@pytest.mark.parametrize(
    ("proxies", "told", "same"), [(0, "198.51.100.7", True), (1, "198.51.100.7", False), (1, "x, 192.0.2.1", True)]
)
def test_a_forwarded_address_is_believed_from_our_own_proxies_alone(
    demo_house: House, counters: EmbeddedRedis, proxies: int, told: str, same: bool
) -> None:
    client = connect(counters.url)
    client.flushall()
    counted = Counted(demo_house, counters.url, proxies)
    for forwarded in ("192.0.2.1", told):
        counted.scan(demo_house.world.pack("current", 0), headers={"X-Forwarded-For": forwarded})
    assert len(list(client.keys("*device*"))) == (1 if same else 2)
    client.close()


def test_counters_that_are_down_stop_nobody(
    demo_house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedRedis(tmp_path, None, "counters", VOLATILE) as server:
        counted = Counted(demo_house, server.url)
        assert counted.outcome(wrong(demo_house, 0), "192.0.2.1") == "unknown"
    with caplog.at_level(logging.ERROR, "probatum.web"):
        begun = time.monotonic()
        for number in range(DEVICE.misses.amount + 5):
            assert counted.outcome(wrong(demo_house, number), "192.0.2.1") == "unknown"
    assert [record.message.partition(" (")[0] for record in caplog.records] == ["the counters do not answer"]
    assert time.monotonic() - begun < 3


def test_counters_that_hang_delay_one_scan_and_stop_nobody(demo_house: House, tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path, None, "counters", VOLATILE) as server:
        client = connect(server.url)
        counted = Counted(demo_house, server.url)
        client.execute_command("CLIENT", "PAUSE", 1500, "ALL")
        begun = time.monotonic()
        assert counted.outcome(wrong(demo_house, 0), "192.0.2.1") == "unknown"
        assert counted.outcome(wrong(demo_house, 1), "192.0.2.1") == "unknown"
        assert time.monotonic() - begun < 1.4


def test_the_counters_keep_nothing_on_disk(counters: EmbeddedRedis) -> None:
    client = connect(counters.url)
    found = {k: v for name in ("appendonly", "save", "maxmemory-policy") for k, v in client.config_get(name).items()}
    assert found == {"appendonly": "no", "save": "", "maxmemory-policy": "volatile-ttl"}
    client.close()
