"""A data store of our own: speaks the protocol of the CDS, with its queue and its moods."""

from __future__ import annotations

import json
import re
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import xarray as xr

KEY = "11112222-aaaa-bbbb-cccc-333344445555"
LICENCE_REFUSAL = {
    "type": "permission denied",
    "title": "required licences not accepted",
    "status": 403,
    "detail": "Not all the required licences have been accepted; please visit "
    "https://cds.climate.copernicus.eu/datasets/reanalysis-era5-single-levels?tab=download"
    "#manage-licences to accept the required licence(s).",
}
HDF5 = b"\x89HDF\r\n\x1a\n"

Inputs = Mapping[str, Any]
Content = Callable[[str, Inputs], bytes]


def some_bytes(collection: str, inputs: Inputs) -> bytes:
    """Stands in for a file where what is in it does not matter; 200 kB."""
    text = json.dumps([collection, inputs], sort_keys=True).encode()
    return (HDF5 + text * (200_000 // len(text) + 1))[:200_000]


@dataclass
class Job:
    collection: str
    inputs: Inputs
    content: bytes
    polls: int = 0
    created: float = field(default_factory=time.time)


def _no_checksum(content: bytes) -> str:
    return ""


@dataclass
class CdsServer:
    """The store's memory outlives the server in front of it, as it does in reality."""

    content: Content = some_bytes
    key: str = KEY
    jobs: dict[str, Job] = field(default_factory=dict)
    polls_needed: int = 2
    """Looks at a job that are answered with accepted or running."""
    busy: int = 0
    """So many requests are answered with 429 first."""
    failing: str = ""
    """Jobs that ask for this variable fail."""
    refuse: dict[str, Any] | None = None
    """Submissions are refused with this document."""
    cut_after: int | None = None
    """Break the next download after so many bytes."""
    promised: int | None = None
    """Size that the store promises for every file, instead of the true one."""
    checksum: Callable[[bytes], str] = _no_checksum
    lost_answers: int = 0
    """So many submissions are taken, but their answers never arrive."""
    hold: threading.Event = field(default_factory=threading.Event)
    """While cleared, a submission is taken, but its answer is kept back."""
    frozen: bool = False
    """Jobs stay accepted."""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and Range of everything asked."""
    most_open: int = 0
    port: int = 0
    _server: ThreadingHTTPServer | None = None

    def __post_init__(self) -> None:
        self.hold.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
        self._server = None

    def count(self, method: str, pattern: str) -> int:
        """How often a path was asked for."""
        return sum(m == method and bool(re.search(pattern, p)) for m, p, _ in self.requests)

    @property
    def submissions(self) -> int:
        return len(self.jobs)

    def state_of(self, job: Job) -> str:
        if self.frozen:
            return "accepted"
        if job.polls < self.polls_needed:
            return "accepted" if job.polls * 2 < self.polls_needed else "running"
        failed = self.failing and self.failing in job.inputs["variable"]
        return "failed" if failed else "successful"


@contextmanager
def serve_cds(content: Content = some_bytes) -> Iterator[CdsServer]:
    """A store on a free port of this machine."""
    server = CdsServer(content=content)
    server.start()
    try:
        yield server
    finally:
        server.hold.set()
        if server._server is not None:
            server.stop()


def _handler(cds: CdsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: apart they wait for each other's acknowledgement.
        wbufsize = 2**16

        def do_GET(self) -> None:
            self._route("GET")

        def do_POST(self) -> None:
            self._route("POST")

        def _route(self, method: str) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.body = json.loads(self.rfile.read(length) or b"null")
            path = self.path.partition("?")[0]
            cds.requests.append((method, self.path, self.headers.get("Range", "")))
            if path == "/api/catalogue/v1/messages":
                self._json(200, {"messages": []})
                return
            if path.startswith("/download/"):
                self._download(path.removeprefix("/download/"))
                return
            token = self.headers.get("PRIVATE-TOKEN", "")
            if token != cds.key:
                self._json(
                    401,
                    {"title": "Authentication failed", "detail": f"The token {token} has expired."},
                )
                return
            if cds.busy:
                cds.busy -= 1
                self._json(429, {"title": "Too many requests"}, {"Retry-After": "0.3"})
                return
            routes = (
                ("GET", r"/api/retrieve/v1/processes/([\w-]+)", self._process),
                ("POST", r"/api/retrieve/v1/processes/([\w-]+)/execution", self._execute),
                ("GET", r"/api/retrieve/v1/jobs/([\w-]+)", self._job),
                ("GET", r"/api/retrieve/v1/jobs/([\w-]+)/results", self._results),
                ("GET", r"/api/retrieve/v1/jobs()", self._list),
            )
            for wanted, pattern, answer in routes:
                if method == wanted and (found := re.fullmatch(pattern, path)):
                    answer(found[1])
                    return
            self._json(404, {"title": "Not found"})

        def _process(self, collection: str) -> None:
            self._json(200, {"id": collection, "links": []})

        def _execute(self, collection: str) -> None:
            if cds.refuse is not None:
                self._json(cds.refuse["status"], cds.refuse)
                return
            inputs = self.body["inputs"]
            identity = str(uuid.uuid4())
            cds.jobs[identity] = Job(collection, inputs, cds.content(collection, inputs))
            open_jobs = [job for job in cds.jobs.values() if cds.state_of(job) != "successful"]
            cds.most_open = max(cds.most_open, len(open_jobs))
            cds.hold.wait(60)
            if cds.lost_answers:
                cds.lost_answers -= 1
                self.close_connection = True
                self.connection.close()
                return
            self._json(201, self._document(identity, rel="monitor"))

        def _job(self, identity: str) -> None:
            if identity not in cds.jobs:
                self._json(404, {"title": "job not found"})
                return
            document = self._document(identity, rel="self")
            if "log=True" in self.path:
                cds.jobs[identity].polls += 1
            self._json(200, document)

        def _list(self, _: str) -> None:
            newest = sorted(cds.jobs, key=lambda i: -cds.jobs[i].created)
            self._json(200, {"jobs": [self._document(i, rel="self") for i in newest]})

        def _results(self, identity: str) -> None:
            job = cds.jobs.get(identity)
            if job is None:
                self._json(404, {"title": "job not found"})
            elif cds.state_of(job) == "failed":
                trace = (
                    "Traceback (most recent call last):\n  ...\nMarsNoDataError: no data there\n"
                )
                self._json(400, {"title": "The job has failed", "traceback": trace})
            else:
                size = cds.promised if cds.promised is not None else len(job.content)
                value = {
                    "type": "application/netcdf",
                    "href": f"http://127.0.0.1:{cds.port}/download/{identity}/data.nc",
                    "file:size": size,
                    "file:checksum": cds.checksum(job.content),
                }
                self._json(200, {"asset": {"value": value}})

        def _document(self, identity: str, *, rel: str) -> dict[str, Any]:
            job = cds.jobs[identity]
            base = f"http://127.0.0.1:{cds.port}/api/retrieve/v1/jobs/{identity}"
            links = [{"rel": rel, "href": base}]
            state = cds.state_of(job)
            if state in ("successful", "failed"):
                links.append({"rel": "results", "href": f"{base}/results"})
            return {
                "jobID": identity,
                "processID": job.collection,
                "status": state,
                "links": links,
                "metadata": {"request": {"ids": dict(job.inputs)}},
            }

        def _download(self, name: str) -> None:
            content = cds.jobs[name.partition("/")[0]].content
            given = self.headers.get("Range")
            start = int(given.removeprefix("bytes=").split("-")[0]) if given else 0
            self.send_response(206 if given else 200)
            self.send_header("Content-Length", str(len(content) - start))
            if given:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            self.end_headers()
            cut, cds.cut_after = cds.cut_after, None
            self.wfile.write(content[start:][:cut])
            if cut is not None:
                self.close_connection = True

        def _json(
            self, status: int, document: Any, headers: Mapping[str, str] | None = None
        ) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler


_IN_THE_FILES = {
    "2m_temperature": "t2m",
    "10m_u_component_of_wind": "u10",
    "10m_v_component_of_wind": "v10",
    "mean_sea_level_pressure": "msl",
    "land_sea_mask": "lsm",
    "soil_type": "slt",
    "geopotential": "z",
    "u_component_of_wind": "u",
    "v_component_of_wind": "v",
    "temperature": "t",
    "specific_humidity": "q",
}


def delivering(pressure: Path, single: Path) -> Content:
    """Cut real ERA5 as the CDS would; only what is in those files can be had."""

    def deliver(collection: str, inputs: Inputs) -> bytes:
        path = pressure if collection.endswith("pressure-levels") else single
        with xr.open_dataset(path, engine="h5netcdf") as whole:
            cut = whole[[_IN_THE_FILES[name] for name in inputs["variable"]]].load()
        when = cut["valid_time"].dt
        days = {int(day) for day in inputs["day"]}
        hours = {int(time[:2]) for time in inputs["time"]}
        cut = cut.isel(valid_time=when.day.isin(list(days)) & when.hour.isin(list(hours)))
        if "pressure_level" in inputs:
            cut = cut.sel(pressure_level=[float(level) for level in inputs["pressure_level"]])
        north, west, south, east = inputs["area"]
        cut = cut.sel(latitude=slice(north, south), longitude=slice(west, east))
        for variable in cut.variables.values():
            variable.encoding = {}
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "data.nc"
            cut.to_netcdf(target, engine="h5netcdf")
            return target.read_bytes()

    return deliver
