"""What operators see: audit log, metrics and logs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from app.core.text.setting_values import Switch, long_enough


class Operating(BaseModel):
    """What operators see: audit log, metrics and logs."""

    audit_keep_days: int = Field(default=0, ge=0, le=36_500)
    """Days after which entries of the audit log are deleted; 0: never."""
    buyers_keep_days: int = Field(default=0, ge=0, le=36_500)
    """Days after the start of the event when its buyers' and holders' data is erased (names, addresses, phone
    numbers, answers), as if each had erased it themselves; the books stay. 0: never."""
    ops_token: SecretStr = SecretStr("")
    """With `Authorization: Bearer` and this token, the public port serves `/metrics`, and `/readyz` gives its
    reasons. Empty: only the operators' port does."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""
    log_format: Literal["auto", "console", "json"] = "auto"
    """`json` for machines; `auto`: `console` on a terminal, else `json`."""
    log_file: str = ""
    """Also write the log to this file; it is reopened after it was renamed, as by logrotate. `fairgate up`
    keeps one for each role in the data folder, of 20 MiB at most, for `fairgate logs`."""

    demo: Switch = False
    """`on` in `fairgate demo`: the console has a page with a fan's phone next to the cockpit, and our pages
    may frame each other."""

    @field_validator("ops_token")
    @classmethod
    def _long_token(cls, value: SecretStr) -> SecretStr:
        return long_enough(value)
