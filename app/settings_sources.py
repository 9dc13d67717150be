"""The sources of settings: the environment, files with one secret each, and one file for all.

The environment takes precedence over files. `FAIRGATE_CONFIG` names the file; without it, `fairgate.yaml` or
`fairgate.toml` is looked for in the working directory and in /etc/fairgate. Its keys are the names of the
settings in lower case, without the prefix.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from app.core.errors import WrongUsage

CONFIG = "FAIRGATE_CONFIG"
PREFIX = "FAIRGATE_"
FILES = tuple(
    Path(folder) / name for folder in (".", "/etc/fairgate") for name in ("fairgate.yaml", "fairgate.toml")
)
FILE_MAX = 256 * 1024
SECRET_MAX = 64 * 1024


class BadConfig(WrongUsage):
    """A settings file cannot be used; the message is one line that names it."""


def variables_of(name: str, field: FieldInfo) -> tuple[str, ...]:
    """Return the environment variables of a field; the first one that is set wins."""
    return (f"{PREFIX}{name.upper()}", *((name.upper(),) if field.validation_alias else ()))


def known_variables(settings_cls: type[BaseSettings]) -> set[str]:
    """Return all environment variables that we read."""
    names = {it for name, field in settings_cls.model_fields.items() for it in variables_of(name, field)}
    return {CONFIG, *names, *(f"{it}_FILE" for it in names)}


def file_of_all() -> Path | None:
    """Return the path of the settings file, or None."""
    if named := os.environ.get(CONFIG):
        return Path(named)
    return next((it for it in FILES if it.is_file()), None)


class OneFile(PydanticBaseSettingsSource):
    """Settings from `fairgate.yaml` or `fairgate.toml`.

    Raises BadConfig if the file cannot be read or has an unknown key.
    """

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self.path = file_of_all()
        self._values = _read(self.path, settings_cls) if self.path else {}

    def get_field_value(self, _field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the value of a field, or None if the file has none."""
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the settings in the file."""
        return dict(self._values)


class SecretFiles(PydanticBaseSettingsSource):
    """Settings whose variable ends in `_FILE`, which names a file with the value, as Docker and Kubernetes
    mount secrets.

    A trailing line break is removed. Raises BadConfig.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the value of a field, or None if no file is named."""
        for variable in variables_of(field_name, field):
            if named := os.environ.get(f"{variable}_FILE"):
                if variable in os.environ:
                    raise BadConfig(f"{variable} and {variable}_FILE are both set; keep one of them")
                return _secret(variable, Path(named)), field_name, False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the settings that have files of their own."""
        found = {
            name: self.get_field_value(it, name)[0] for name, it in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


def _secret(variable: str, path: Path) -> str:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{variable}_FILE cannot be read: {_why(error)}") from None
    if len(text) > SECRET_MAX:
        raise BadConfig(f"{variable}_FILE is not a secret: {path} is larger than {SECRET_MAX // 1024} KiB")
    return text.removesuffix("\n").removesuffix("\r")


def _read(path: Path, settings_cls: type[BaseSettings]) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_MAX + 1)
        if len(raw) > FILE_MAX:
            raise BadConfig(f"{path} is larger than {FILE_MAX // 1024} KiB")
        values = _parsed(path, raw.decode())
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path} cannot be read: {_why(error)}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise BadConfig(f"{path} must be a list of settings such as `log_level: debug`")
    unknown = [str(it) for it in values if it not in settings_cls.model_fields]
    if unknown:
        raise BadConfig(
            f"{path} has {', '.join(unknown)}, which is not a setting; `fairgate config show` lists all"
        )
    return values


def _parsed(path: Path, text: str) -> Any:
    if path.suffix == ".toml":
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise BadConfig(f"{path} is not valid TOML: {error}") from None
    import yaml  # here, because most processes read no such file

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadConfig(f"{path} is not valid YAML: {_where(error)}") from None


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or "it is not UTF-8 text"


def _where(error: Exception) -> str:
    """The position of an error in a file, without the text there, which may be a secret."""
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}" if mark else str(error)
