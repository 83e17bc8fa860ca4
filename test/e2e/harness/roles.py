"""Roles with the GRANT blocks of the documentation."""
import os
import re

from . import markdown
from .paths import TOP


def blocks_of(heading, page="docs/sql.md"):
    """The GRANT blocks under a heading, in their order."""
    with open(os.path.join(TOP, page), encoding="utf-8") as file:
        section = re.search(rf"(?ms)^## {re.escape(heading)}$(.*?)^## ", file.read()).group(1)
    return [b for b in markdown.blocks(section) if b.lstrip().startswith("GRANT")]


class Roles:
    """Roles of a scene alone, each with the one block that has certain words."""

    def __init__(self, scene):
        self.scene, self.made = scene, []
        self.blocks = blocks_of("Privileges") + blocks_of("Starting, stopping, sharing the work", "consumer/README.md")

    def make(self, name, containing, attributes="LOGIN", server=None):
        block, = [b for b in self.blocks if containing in b]
        server = server or self.scene.source
        role = f"{self.scene.id}_{name}_{len(self.made)}"
        documented = set(re.findall(r"\bTO (\w+);", block))
        assert len(documented) == 1, block
        server.query(self.scene.database, f"CREATE ROLE {role} {attributes}")
        self.made.append((server, role))
        server.query(self.scene.database, re.sub(rf"\bTO {documented.pop()};", f"TO {role};", block))
        return role

    def connect(self, role):
        server, = [server for server, made in self.made if made == role]
        return server.connect(self.scene.database, user=role)

    def finish(self):
        for server, role in self.made:
            server.query(self.scene.database, f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")
