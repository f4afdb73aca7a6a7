"""What a machine has is at the receiver once, whatever fails on the way."""

from tests.integration.machines.receiving import Receiver, Sender


def test_one_command_enrols_a_machine_and_sends_what_it_has(receiver: Receiver, laptop: Sender) -> None:
    said = laptop.enrol(receiver.invite("laptop", "Anna"))
    assert "enrolled as laptop" in said
    assert "sent 3 new lines" in said
    assert receiver.count() == 3
