"""The file of rules is read again when it changes: topics that new rules need are made first, then they come into
force, between two batches. A file that is not good changes nothing, and is told until it is.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from typing import Any, Final

from mode import Service

from carbon_stream.bootstrap.topics.apply import ensure_topics
from carbon_stream.bootstrap.topics.ruled import rule_topics
from carbon_stream.errors import OperatorError
from carbon_stream.observability.rules import RuleMetrics
from carbon_stream.rules.engine import Engine
from carbon_stream.rules.hosts import Hosts
from carbon_stream.rules.model import RuleSet
from carbon_stream.rules.reading import load
from carbon_stream.settings import Settings

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0


class Reloading(Service):
    """Looks at the file's content, not at its times: Kubernetes swaps a ConfigMap under a link. A content counts once
    it has been seen twice: a file that is being written is empty for a moment, and would be good.
    """

    def __init__(self, engine: Engine, settings: Settings, then: Callable[[RuleSet], None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.engine, self.settings, self.then = engine, settings, then
        self._known = self._seen = self._digest()

    @Service.task
    async def _look(self) -> None:
        while not self.should_stop and self.settings.rules is not None:
            await self.sleep(LOOK_EVERY_S)
            before, self._seen = self._seen, await asyncio.to_thread(self._digest)
            if self._seen not in (None, self._known) and self._seen == before and await self._reload():
                self._known = self._seen

    async def _reload(self) -> bool:
        """Whether this content has been dealt with; where a broker was away, it is tried again."""
        try:
            rules = await asyncio.to_thread(load, self.settings.rules, Hosts(self.settings.rules_hosts))
        except OperatorError as error:
            log.error("the rules before it stay in force: %s", error)
            RuleMetrics().on_rules_loaded([rule.name for rule in self.engine.rules.rules], False)
            return True
        try:
            if wanted := rule_topics(rules):
                await ensure_topics(self.settings, wanted=wanted, say=log.info)
        except OperatorError as error:
            log.warning("waiting for the topics of new rules: %s", error)
            return False
        self.engine.use(rules)
        self.then(rules)
        log.info("rules in force: %s", ", ".join(rule.name for rule in rules.rules) or "none")
        return True

    def _digest(self) -> bytes | None:
        if self.settings.rules is None:
            return None
        try:
            return hashlib.sha256(self.settings.rules.read_bytes()).digest()
        except OSError:
            return None
