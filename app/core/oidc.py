"""Sign-in by OpenID Connect: what a provider says of somebody, and which role that comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from app.core.model import Role

_ROLES: tuple[Role, ...] = ("operator", "admin")  # the least first


class Identity(msgspec.Struct, frozen=True):
    """Who somebody is at a provider. `email` "": none that the provider has verified."""

    issuer: str
    subject: str
    email: str
    name: str
    groups: tuple[str, ...]


def roles_of_groups(text: str) -> dict[str, Role]:
    """Groups and their roles, of `ticketing=operator, it=admin`. Raises ValueError."""
    found: dict[str, Role] = {}
    for part in filter(None, (it.strip() for it in text.split(","))):
        group, equals, word = (it.strip() for it in part.rpartition("="))
        role = next((it for it in _ROLES if it == word), None)
        if not equals or not group or role is None:
            raise ValueError("must be groups with roles, as `ticketing=operator, it=admin`")
        found[group] = role
    return found


def role_of(groups: Sequence[str], roles: Mapping[str, Role]) -> Role | None:
    """The highest role of these groups; None: no role."""
    found = [roles[it] for it in groups if it in roles]
    return max(found, key=_ROLES.index) if found else None


def is_of_domains(email: str, domains: Sequence[str]) -> bool:
    """Whether an address is of one of these domains; of any where there are none."""
    return not domains or email.rpartition("@")[2].lower() in domains
