"""Sign-in with OpenID Connect: a provider's claims about a person, and the role they map to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from app.core.model import Role

_ROLES: tuple[Role, ...] = ("operator", "admin")  # lowest first


class Identity(msgspec.Struct, frozen=True):
    """A person at a provider. `email` "": none that the provider has verified."""

    issuer: str
    subject: str
    email: str
    name: str
    groups: tuple[str, ...]


def roles_of_groups(text: str) -> dict[str, Role]:
    """Parse a mapping of groups to roles, `ticketing=operator, it=admin`. Raises ValueError."""
    roles: dict[str, Role] = {}
    for part in filter(None, (it.strip() for it in text.split(","))):
        group, equals, word = (it.strip() for it in part.rpartition("="))
        role = next((it for it in _ROLES if it == word), None)
        if not equals or not group or role is None:
            raise ValueError("must be groups with roles, such as `ticketing=operator, it=admin`")
        roles[group] = role
    return roles


def role_of(groups: Sequence[str], roles: Mapping[str, Role]) -> Role | None:
    """The highest role of these groups; None: no role."""
    matching = [roles[it] for it in groups if it in roles]
    return max(matching, key=_ROLES.index) if matching else None


def is_of_domains(email: str, domains: Sequence[str]) -> bool:
    """Whether an address belongs to one of these domains; always true if there are none."""
    return not domains or email.rpartition("@")[2].lower() in domains
