"""What the report's page is tested with: Node, its packages as web/package-lock.json pins them, and Chromium."""

import hashlib
import shutil

from . import packages, steps

WEB = steps.ROOT / "web"
BROWSERS = ("chromium", "google-chrome")


def _install_node_packages():
    """npm's packages of web/, unless those of this lock file are there. npm checks the lock file's hashes."""
    wanted = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    stamp = WEB / "node_modules" / ".installed-from"
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return
    steps.run("installing the packages of web/", ["npm", "ci", "--ignore-scripts", "--no-progress"], cwd=WEB)
    stamp.write_text(wanted, encoding="ascii")


def ensure():
    """Installs what the browser tests need. Where it cannot, says so: they are skipped then, and name what lacks."""
    lacking = [] if shutil.which("node") and shutil.which("npm") else ["nodejs", "npm"]
    lacking += [] if any(map(shutil.which, BROWSERS)) else ["chromium"]
    try:
        if lacking:
            packages.ensure(lacking)
        _install_node_packages()
    except steps.Failed as failure:
        steps.say(f"{failure}\n\nThe tests in a browser will be skipped.")
