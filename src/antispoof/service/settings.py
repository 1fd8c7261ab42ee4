"""What an operator may set, and where it is read from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from antispoof.errors import InputError
from antispoof.service.tenants import DEFAULT, Tenant, TenantName

__all__ = ["ENVIRONMENT", "MAX_HEADER_BYTES", "Settings", "default_state", "read_settings"]

ENVIRONMENT = "ANTISPOOF_SERVICE"
"""Environment variable with the settings as JSON, for workers that another program starts."""

MAX_HEADER_BYTES = 16 * 2**10
"""Of all headers of a request together."""

Positive = Annotated[int, Field(gt=0)]


def default_state() -> Path:
    """Return the folder for state of programs (XDG Base Directory Specification), ours in it."""
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home) / "antispoof"


class Settings(BaseModel):
    """Settings of the service.

    Attributes:
        state: folder of the keys and, unless ``database`` says otherwise, of the SQLite database.
        database: SQLAlchemy URL, ``sqlite:///…`` or ``postgresql+psycopg://…``; empty is SQLite in ``state``.
        bundles: names or paths of the models; empty are all that ship.
        shadow_bundles: names or paths of models that would take the place of ``bundles``: they judge the same
            samples after the answer, and what would change is counted; empty for none.
        policies: name → file of further policies; those that ship are there without.
        default_policy: of sessions that name none; None fuses what is there at the models' own thresholds.
        telemetry: OpenTelemetry collector that spans of requests are sent to, OTLP over HTTP, such as
            ``http://collector:4318``; empty for none.
        webhook_hosts: names that webhooks may lead to; none means that there are no webhooks.
        webhook_networks: private networks, such as ``10.1.0.0/16``, that these names may be in; there
            ``http`` is allowed as well.
        webhook_timeout_s: how long the receiver of a webhook may take to answer.
        tenants: name → what holds for it, of those who share the service besides the default one.
        issuer: ``iss`` of signed results.
        page: whether the page at ``/`` is served, and the service acts as its backend.
        page_photo: whether the page lets somebody whom the camera does not see well hand in a photo, to be
            judged as a passive session; a photo that was taken before passes there as one of now.
        hosts: values of the ``Host`` header that are answered; ``*`` is any.
        origins: of web pages elsewhere that may call and stream (CORS), such as ``https://id.example.com``; a
            client token is all that such a page should hold.
        inference_threads: how many checks run at once in a process.
        queue_length: how many more may wait; beyond that the answer is 503.
        queue_wait_s: how long a check may be expected to wait for its turn; beyond that the answer is 503.
        streams: how many live captures run at once in a process.
        greetings_per_address: streams of one address that have not said who they are yet, in a process.
        connections_per_address: of one address to a process; those of ``proxies`` are not counted.
        proxies: addresses of reverse proxies: their ``X-Forwarded-For`` and ``-Proto`` are believed, and
            nobody else's.
        header_timeout_s: how long the first line and the headers of a request may take.
        database_timeout_s: how long PostgreSQL may take to connect, to lock, to answer.
        passive_frames: how many samples of each sensor but the microphone a passive session needs, where they
            are handed in one by one; a stream needs six pictures in a second or more.
        judged_frames: how many frames of an attempt the detector judges together, 32 at most.
        max_file_bytes: size of one sample.
        max_captures: samples in one attempt.
        max_attempt_bytes: size of all samples in one attempt.
        attempts: how often a session may be tried.
        device_failures_per_hour: failed sessions after which a device has to wait.
        requests_per_minute: of one API key.
        captures_per_second: of one session.
        page_sessions_per_minute: that the page may open for one address.
        limits_storage: where rates are counted, a storage URI of the ``limits`` library.
        upload_timeout_s: how long a request body may take.
        judging_timeout_s: without a sign of life from its process, after which a judgement may begin again.
        session_days: after which a session that is over, its result with it, is deleted; its events stay in
            the audit log.
        signature: algorithm that results name: ``EdDSA`` (RFC 8037), which all JOSE libraries verify, or
            ``Ed25519`` (RFC 9864), its fully specified name, which some refuse. The keys are the same.
        remembered_days: how long digests of captures are kept, to recognise one that comes again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: Path = Field(default_factory=default_state)
    database: str = ""
    bundles: tuple[str, ...] = ()
    shadow_bundles: tuple[str, ...] = ()
    policies: dict[str, Path] = {}
    default_policy: str | None = None
    telemetry: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    webhook_hosts: tuple[str, ...] = ()
    webhook_networks: tuple[str, ...] = ()
    webhook_timeout_s: Annotated[float, Field(gt=0, le=30)] = 10.0
    tenants: dict[TenantName, Tenant] = {}
    issuer: str = "antispoof"
    page: bool = False
    page_photo: bool = False
    hosts: tuple[str, ...] = ("*",)
    origins: tuple[Annotated[str, Field(pattern=r"^https?://[a-z0-9.:\[\]-]+$")], ...] = ()
    inference_threads: Positive = 1
    queue_length: Positive = 16
    queue_wait_s: Annotated[float, Field(gt=0)] = 1.0
    streams: Positive = 8
    greetings_per_address: Positive = 4
    connections_per_address: Positive = 64
    proxies: tuple[str, ...] = ()
    header_timeout_s: Annotated[float, Field(gt=0)] = 10.0
    database_timeout_s: Annotated[float, Field(gt=0, le=5)] = 2.5
    passive_frames: Positive = 1
    judged_frames: Annotated[int, Field(ge=1, le=32)] = 5
    max_file_bytes: Positive = 8 * 2**20
    max_captures: Positive = 300
    max_attempt_bytes: Positive = 64 * 2**20
    attempts: Positive = 3
    device_failures_per_hour: Positive = 10
    requests_per_minute: Positive = 600
    captures_per_second: Positive = 60
    page_sessions_per_minute: Positive = 20
    limits_storage: str = "memory://"
    upload_timeout_s: Annotated[float, Field(gt=0)] = 30.0
    judging_timeout_s: Annotated[float, Field(gt=0)] = 20.0
    session_days: Positive = 90
    signature: Literal["EdDSA", "Ed25519"] = "EdDSA"
    remembered_days: Positive = 30

    @property
    def database_url(self) -> str:
        """The URL of the database, the default filled in."""
        return self.database or f"sqlite:///{self.state / 'service.db'}"

    def tenant(self, name: str) -> Tenant:
        """Return what holds for a tenant, the default one or one of ``tenants``."""
        return self.tenants.get(name, Tenant())

    @property
    def tenant_names(self) -> tuple[str, ...]:
        """The default tenant, and the others."""
        return tuple(dict.fromkeys((DEFAULT, *self.tenants)))

    @classmethod
    def from_environment(cls) -> Settings:
        """Read what the program that started this worker has set.

        Raises:
            InputError: the variable does not hold settings.
        """
        text = os.environ.get(ENVIRONMENT, "{}")
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise InputError(f"{ENVIRONMENT}: {_first(error)}") from None


def read_settings(path: Path | None, **changes: object) -> Settings:
    """Read a YAML file of settings; ``changes`` that are not None take precedence.

    Raises:
        InputError: the file cannot be read, or breaks the schema.
    """
    values: object = {}
    if path is not None:
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"cannot read {str(path)!r}: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise InputError(f"{str(path)!r} is no mapping of settings")
    try:
        return Settings(**{**values, **{name: value for name, value in changes.items() if value is not None}})
    except ValidationError as error:
        raise InputError(f"settings: {_first(error)}") from None
    except TypeError:
        raise InputError(f"{str(path)!r}: the names of settings are strings") from None


def _first(error: ValidationError) -> str:
    entry = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, entry['loc'])) or 'document'}: {entry['msg']}"
