"""Commands for a gateway: keys of services."""

import argparse
from pathlib import Path
from typing import Any

from speakerline.services.gateway.auth.keys import key_line, make_key, roles_of
from speakerline.services.gateway.auth.principal import Principal
from speakerline.shared.tenants import check_tenant
from speakerline.tools.cli.commands import add_command


def add_to(commands: Any) -> None:
    key = add_command(commands, "key", help="make an API key for the gateway, and add its digest to a file of keys")
    key.add_argument("file", type=Path, metavar="FILE", help="as SPEAKERLINE_AUTH_KEYS names it")
    key.add_argument("--tenant", default="", help="whose calls the key opens (default: the default tenant)")
    key.add_argument("--roles", type=_roles, required=True, help="some of produce,watch,operate,erase")
    key.add_argument("--name", default="", help="what the key is for; a remark in the file")
    key.set_defaults(run=_key)


def _key(given: argparse.Namespace) -> int:
    key = make_key()
    line = key_line(key, Principal(check_tenant(given.tenant), given.roles), given.name)
    given.file.touch(mode=0o600)
    with given.file.open("a", encoding="utf-8") as file:
        file.write(line)
    print(key)
    return 0


def _roles(text: str) -> Any:
    try:
        return roles_of(text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
