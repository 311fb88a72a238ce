"""The one error of this room: what a person asked of the simulators and how to ask better."""


class SimulatorError(Exception):
    """The work cannot be done; the message says what was wanted, what was there, what to do."""


class RequestError(SimulatorError):
    """The words of the request are wrong (a scenario's name, a fault, a speed)."""
