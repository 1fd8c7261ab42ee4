"""Tenants: who shares a service, and what holds for each. None of them can see that there are others."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

__all__ = ["DEFAULT", "Tenant", "TenantName", "scoped"]

DEFAULT = "default"
"""The tenant of keys that name none, and of the page."""

MONTH_S = 30 * 86_400
Positive = Annotated[int, Field(gt=0)]


def _name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", name):
        raise ValueError(f"a tenant's name has 1 to 40 of a-z, 0-9 and -, a letter first; got {name!r}")
    return name


TenantName = Annotated[str, AfterValidator(_name)]


class Tenant(BaseModel):
    """What holds for one tenant; what is not set holds as for the whole service.

    Attributes:
        requests_per_minute: of all its keys together; each key has its own limit besides.
        attempts: how often a session may be tried.
        device_failures_per_hour: failed sessions after which a device has to wait.
        max_retention_s: how long a session may ask for its media to be kept.
        session_days: after which a session that is over is deleted with its result.
        policies: the policies and operating points that it may name; empty for all.
        default_policy: of its sessions and checks that name none.
        sites: that its sessions may name; empty for any.
        webhook_hosts: of those of the service, which its webhooks may lead to; None for all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: Positive | None = None
    attempts: Positive | None = None
    device_failures_per_hour: Positive | None = None
    max_retention_s: Annotated[int, Field(ge=0, le=MONTH_S)] = MONTH_S
    session_days: Positive | None = None
    policies: tuple[str, ...] = ()
    default_policy: str | None = None
    sites: tuple[str, ...] = ()
    webhook_hosts: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _default_is_allowed(self) -> Tenant:
        if self.policies and self.default_policy not in self.policies:
            raise ValueError(f"default_policy has to be one of policies; got {self.default_policy!r}")
        return self


def scoped(purpose: str, tenant: str) -> str:
    """Return the purpose of a keyed hash: two tenants' hashes of one thing have nothing in common."""
    return purpose if tenant == DEFAULT else f"{purpose} {tenant}"
