"""Who alarms in order to deny: he misses a product until its misses are spent, hoping that its patients are refused."""

from counting import Counted, assert_refused, wrong

from verifier.web.limits import DEVICE, EVERYBODY


def test_a_thousand_devices_guess_at_one_product_and_its_patients_are_not_locked_out(counted: Counted) -> None:
    """Once everybody's misses are spent, one miss is enough to be refused; who never missed is answered as ever."""
    genuine = counted.house.world.pack("current", 0)
    for number in range(EVERYBODY.amount // DEVICE.misses.amount):
        for guess in range(DEVICE.misses.amount):
            assert counted.outcome(wrong(counted.house, guess), f"198.51.100.{number}") == "unknown"
    assert counted.outcome(wrong(counted.house, 0), "203.0.113.1") == "unknown"
    assert_refused(counted.scan(wrong(counted.house, 1), "203.0.113.1"))
    for neighbour in range(5):
        assert counted.outcome(genuine, f"203.0.113.{10 + neighbour}") == "genuine"
