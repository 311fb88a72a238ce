"""What is used of the generated module; the schema is payload.proto.

A text that is not UTF-8 comes as bytes.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

_T = TypeVar("_T")

class _Repeated(Generic[_T]):
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[_T]: ...
    def __getitem__(self, place: int) -> _T: ...
    def append(self, value: _T) -> None: ...
    def extend(self, values: list[_T]) -> None: ...
    def add(self, **fields: object) -> _T: ...

class _Message:
    def __init__(self, **fields: object) -> None: ...
    def HasField(self, name: str) -> bool: ...
    def WhichOneof(self, name: str) -> str | None: ...
    def SerializeToString(self) -> bytes: ...

class Payload(_Message):
    timestamp: int
    seq: int
    uuid: str
    body: bytes
    @property
    def metrics(self) -> _Repeated[Payload.Metric]: ...
    @staticmethod
    def FromString(encoded: bytes) -> Payload: ...

    class Metric(_Message):
        name: str | bytes
        alias: int
        timestamp: int
        datatype: int
        is_historical: bool
        is_transient: bool
        is_null: bool
        int_value: int
        long_value: int
        float_value: float
        double_value: float
        boolean_value: bool
        string_value: str | bytes
        bytes_value: bytes
        @property
        def properties(self) -> Payload.PropertySet: ...

    class PropertySet(_Message):
        @property
        def keys(self) -> _Repeated[str | bytes]: ...
        @property
        def values(self) -> _Repeated[Payload.PropertyValue]: ...

    class PropertyValue(_Message):
        type: int
        is_null: bool
        int_value: int
        long_value: int
        float_value: float
        double_value: float
        boolean_value: bool
        string_value: str
