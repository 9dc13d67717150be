"""The `fairgate` program, from a wheel or a checkout: finds our packages and hands over to `app.cli`.

In a wheel they are in this folder, in a checkout beside it. They come first on the path, since others have an
`app` and a `worker`, too. `python /path/to/fairgate web` is the same program.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """Run the command line."""
    here = Path(__file__).resolve().parent
    home = str(here if (here / "app").is_dir() else here.parent)
    if sys.path[0] != home:
        sys.path.insert(0, home)
    from app.runtime import gc_tuning

    gc_tuning.collect_rarely()
    # pydantic would read the metadata of every installed package to find plugins: 15 ms
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from app import cli

    cli.main()


if __name__ == "__main__":
    main()
