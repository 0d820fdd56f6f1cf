"""Rules that span a scenario: that what is named exists, that what is asked for can happen.

They read the tree of the file, not the models, so that they speak up beside every other mistake.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from scenarios.bundle import ARCHIVES, is_bundle, script_events, script_locations
from scenarios.checks_environments import check_environments
from scenarios.checks_expect import check_expectations
from scenarios.checks_faults import check_service_faults
from scenarios.checks_groups import check_groups
from scenarios.checks_host_faults import check_host_fault
from scenarios.checks_limits import check_limits
from scenarios.checks_notifications import check_events_told, check_notifications
from scenarios.checks_people import check_people
from scenarios.checks_plans import check_plans
from scenarios.checks_platforms import check_functions, check_platform
from scenarios.checks_pools import check_pools
from scenarios.checks_signals import check_signals
from scenarios.checks_strategy import check_strategies
from scenarios.checks_waits import check_waits
from scenarios.commits import FULL_ID, CommitError, archive_of
from scenarios.facts import (
    ADD_BALANCER,
    Facts,
    deployment_exists,
    exactly_one,
    known_host,
    known_revision,
    texts,
    traffic_event,
)
from scenarios.faults import EFFECTS, HEALTH_EFFECTS, TRIGGERS
from scenarios.platforms import SERVER
from scenarios.problems import either, nearest, suggest
from scenarios.told import ALL_AT_ONCE
from scenarios.tree import Report, Tree
from scenarios.words import FLEET_PERCENT_MAX, NO_REVISION, LifecycleEvent

EVENTS_WITHOUT_SCRIPTS = frozenset({"BlockTraffic", "DownloadBundle", "Install", "AllowTraffic"})
_EVENTS = frozenset(get_args(LifecycleEvent))


def check(tree: Tree, directory: Path, report: Report, warn: Report) -> None:
    """Report every broken rule of a scenario whose bundles are relative to `directory`, and warn of what is odd."""
    facts = Facts(tree)
    checker = _Checker(facts, directory, report, warn)
    checker.fleet()
    checker.revisions()
    checker.deployments()
    checker.faults()
    check_service_faults(facts, report)
    checker.operator()
    check_groups(facts, report, warn)
    check_environments(facts, report, warn)
    check_platform(facts, directory, report)
    check_functions(facts, checker.bundles, warn)
    check_pools(facts, directory, report, warn)
    check_signals(facts, report, warn)
    check_notifications(facts, report)
    check_expectations(facts, report, warn)


class _Checker:
    def __init__(self, facts: Facts, directory: Path, report: Report, warn: Report) -> None:
        self._facts = facts
        self._tree = facts.tree
        self._directory = directory
        self._report = report
        self._warn = warn
        self.bundles: dict[str, Path | None] = {}
        """Where each revision's is; None where there is none, which has been told then."""

    def fleet(self) -> None:
        first: dict[str, int] = {}
        for host in self._tree.each("fleet", "hosts"):
            if (name := host.get("name")) is None:
                continue
            if name.text in first:
                message = f"a second host named {name.text}; the first is at line {first[name.text]}"
                self._report(name.place, message, "give every host a name of its own")
            first.setdefault(name.text, name.line)
        known_revision(self._facts, self._report, self._tree.get("fleet", "running"), "fleet.running")
        balancer = self._tree.entries.get("balancer")
        if balancer is not None and balancer.value is None and not balancer.text:
            remedy = "write balancer: {} for one with the defaults, or leave the key out for none"
            self._report(self._tree.keys["balancer"], "balancer is empty, so there is none", remedy)

    def revisions(self) -> None:
        revisions = self._tree.get("revisions")
        for name, revision in revisions.entries.items() if revisions is not None else ():
            if name == NO_REVISION and revisions is not None:
                message = f"no revision may be called {NO_REVISION}: that word stands for a host without one"
                self._report(revisions.keys[name], message, "give it another name")
            self.bundles[name] = path = self._bundle(name, revision)
            if path is not None and (scripts := revision.get("behaves", "scripts")):
                self._scripts(name, scripts, path)

    def _bundle(self, name: str, revision: Tree) -> Path | None:
        """Where a revision's bundle is; None where there is none, which has been told then."""
        bundle = revision if revision.word is not None else revision.get("bundle")
        repository, commit = revision.get("repository"), revision.get("commit")
        if revision.word is None:
            exactly_one(self._report, revision, ("bundle", "repository"), f"revision {name}")
            for there, missing, node in (("repository", "commit", commit), ("commit", "repository", repository)):
                if revision.get(there) is not None and node is None:
                    message = f"{there} goes with {missing}, which is not written"
                    self._report(revision.keys[there], message, f"add {missing}: …")
        if repository is not None and commit is not None and bundle is None:
            return self._commit(repository, commit)
        if bundle is None or bundle.word is None:
            return None
        path = self._directory / bundle.word
        if is_bundle(path):
            return path
        self._missing_bundle(bundle, path)
        return None

    def _commit(self, repository: Tree, commit: Tree) -> Path | None:
        """The archive of a revision that is a commit."""
        directory = self._directory / repository.text
        try:
            path = archive_of(directory, commit.text)
        except CommitError as error:
            self._report(commit.place if error.of_commit else repository.place, error.message, error.remedy)
            return None
        if not FULL_ID.match(commit.text):
            message = f"{commit.text} is a name, and may mean another commit tomorrow"
            self._warn(commit.place, message, f"write {path.name.removesuffix('.tgz')}")
        return path

    def _missing_bundle(self, bundle: Tree, path: Path) -> None:
        if path.is_file():
            message = f"the bundle {bundle.text} is a file, but not one that CodeDeploy takes"
            self._report(bundle.place, message, f"give a directory or an archive ({either(ARCHIVES)})")
            return
        beside = path.parent
        near = nearest(path.name, [entry.name for entry in beside.iterdir()]) if beside.is_dir() else None
        remedy = f"did you mean {Path(bundle.text).parent / near}?" if near else "give its path from the scenario file"
        self._report(bundle.place, f"there is no bundle at {bundle.text}", remedy)

    def _scripts(self, name: str, scripts: Tree, bundle: Path) -> None:
        known = script_locations(bundle)
        for location in scripts.entries:
            if known is None:
                message = f"{location} cannot be a script of {name}: its bundle has no AppSpec that can be read"
                self._report(scripts.keys[location], message, "give the bundle an appspec.yml, or take this away")
            elif location not in known:
                message = f"the AppSpec of {name} names no script {location}"
                self._report(scripts.keys[location], message, suggest(location, sorted(known)))

    def deployments(self) -> None:
        for deploy in self._tree.each("deploy"):
            known_revision(self._facts, self._report, deploy.get("revision"), "deploy.revision")
        for node in [*self._facts.groups, *self._tree.each("deploy")]:
            if config := node.get("deployment_config"):
                self._config(config)
            if per_zone := node.get("strategy", "zonal", "minimum_healthy_hosts_per_zone"):
                self._percent(per_zone)

    def _config(self, config: Tree) -> None:
        from strategies.configuration import PREDEFINED, PREDEFINED_ELSEWHERE, PREFIX, elsewhere, named

        if self._facts.platform != SERVER or config.word == ALL_AT_ONCE:
            return  # scenarios.checks_platforms finds the words for it
        if config.word is not None and (other := elsewhere(config.word)) is not None:
            self._report(config.place, *other.refusal())
        elif config.word is not None and named(config.word) is None:
            short = config.word.removeprefix(PREFIX)
            near = nearest(short, [name.removeprefix(PREFIX) for name in (*PREDEFINED, *PREDEFINED_ELSEWHERE)])
            remedy = f"did you mean {PREFIX}{near}?" if near else f"there is {either(PREDEFINED)}"
            remedy += "" if remedy.endswith("?") else ", or {type: HOST_COUNT, value: …}"
            self._report(config.place, f"no deployment configuration is called {config.word}", remedy)
        self._percent(config)

    def _percent(self, config: Tree) -> None:
        kind, value = config.get("type"), config.get("value")
        if kind is None or kind.text != "FLEET_PERCENT" or value is None or value.number is None:
            return
        if value.number > FLEET_PERCENT_MAX:
            message = f"FLEET_PERCENT takes 0 to {FLEET_PERCENT_MAX}, found {value.text}"
            self._report(value.place, message, "at 100 no host could ever be taken out; write 99, or OneAtATime")

    def faults(self) -> None:
        names: dict[str, int] = {}
        for fault in self._tree.each("faults"):
            if (name := fault.get("name")) is not None and name.text:
                if name.text in names:
                    message = f"a second fault named {name.text}; the first is at line {names[name.text]}"
                    self._report(name.place, message, "give it another name")
                names.setdefault(name.text, name.line)
            if (when := fault.get("when")) is not None:
                self._when(when)
            if (where := fault.get("where")) is not None:
                self._where(where)
            if (effect := fault.get("do")) is not None:
                self._effect(fault, effect)

    def operator(self) -> None:
        for action in self._tree.each("operator"):
            if (when := action.get("when")) is not None:
                self._when(when)
        planned = check_strategies(self._facts, self._report, self._warn)
        check_plans(self._facts, planned, self._report, self._warn)
        check_people(self._facts, planned, self._report)
        check_waits(self._facts, planned, self._report, self._warn)
        check_limits(self._facts, planned, self._warn)
        check_events_told(self._facts, planned, self._warn)

    def _when(self, when: Tree) -> None:
        exactly_one(self._report, when, TRIGGERS, "when")
        facts = self._facts
        event = when.get("event")
        for key in ("host", "nth"):
            if when.get(key) is not None and event is None:
                self._report(when.keys[key], f"when.{key} says nothing without event", "add event: …")
        for key in ("at", "gate", "request"):
            if when.get("deployment") is not None and when.get(key) is not None:
                message = f"when.deployment does not go with {key}"
                self._report(when.keys["deployment"], message, "take one of the two away")
        if when.get("request") is not None and not facts.balancer:
            self._report(when.keys["request"], "nobody makes requests: there is no balancer", ADD_BALANCER)
        known_host(facts, self._report, when.get("host"))
        deployment_exists(facts, self._report, when.get("deployment"))
        nth = when.get("nth")
        if facts.platform == SERVER and nth is not None and nth.number is not None:  # a service's n-th is a shift
            most = facts.in_a_deployment_max
            if most and nth.number > most:
                message = (
                    f"when.nth: {nth.number} can never be: no deployment has more than {most} host{'s' * (most != 1)}"
                )
                self._report(nth.place, message, f"write at most {most}")
        traffic_event(facts, self._report, event)

    def _where(self, where: Tree) -> None:
        facts = self._facts
        strangers = [host for host in where.each("hosts") if not known_host(facts, self._report, host)]
        sound = not strangers
        known_revision(facts, self._report, where.get("revision"), "where.revision", none=True)
        if not facts.hosts:
            return
        if (zone := where.get("zone")) is not None:
            zones = list(dict.fromkeys(host.zone for host in facts.hosts if host.zone))
            if zone.text not in zones:
                sound = False
                self._report(zone.place, f"no host is in a zone {zone.text}", suggest(zone.text, zones))
        tags = texts(where.get("tag"))
        for key, value in tags.items():
            sound = self._tag(where, key, value) and sound
        if not sound or not isinstance(where.value, dict):
            return
        wanted = {host.text for host in where.each("hosts")} if where.get("hosts") is not None else None
        selected = [
            host
            for host in (*facts.hosts, *facts.new_hosts)
            if (wanted is None or host.name in wanted)
            and (zone is None or host.zone == zone.text)
            and tags.items() <= host.tags.items()
        ]
        random = where.get("random")
        there = [host for host in selected if host.name in facts.host_names] or selected
        if not selected:
            self._report(where.place, "where selects no host: no host is all of that", "take a condition away")
        elif random is not None and random.number is not None and random.number > len(there):
            message = f"random: {random.number} is more than the {len(there)} hosts that it can draw from"
            self._report(random.place, message, f"write at most {len(selected)}")

    def _tag(self, where: Tree, key: str, value: str) -> bool:
        """Whether any host has this tag."""
        written = where.entries["tag"]
        values = list(dict.fromkeys(host.tags[key] for host in self._facts.hosts if key in host.tags))
        if value in values:
            return True
        if values:
            self._report(written.entries[key].place, f"no host has the tag {key}: {value}", suggest(value, values))
        else:
            keys = dict.fromkeys(name for host in self._facts.hosts for name in host.tags)
            remedy = suggest(key, keys) if keys else "give tags under fleet.tags, or to the hosts"
            self._report(written.keys[key], f"no host has a tag {key}", remedy)
        return False

    def _effect(self, fault: Tree, effect: Tree) -> None:
        exactly_one(self._report, effect, EFFECTS, "do")
        if (health := effect.get("health")) is not None:
            exactly_one(self._report, health, HEALTH_EFFECTS, "health")
        check_host_fault(self._facts, fault, effect, self._report, self._warn)
        if effect.get("script") is None:
            return
        event = fault.get("when", "event")
        if event is None:
            message = "a script fault needs the lifecycle event whose scripts it strikes"
            self._report(effect.keys["script"], message, "add when: {event: ApplicationStart} or another event")
        elif event.text in EVENTS_WITHOUT_SCRIPTS:
            message = f"no scripts run at {event.text}, so none can fail there"
            self._report(event.place, message, "name an event with scripts, such as ApplicationStart")
        elif event.text in _EVENTS and (scripts := self._events_with_scripts(fault)) is not None:
            self._script_event(fault, event, scripts)

    def _script_event(self, fault: Tree, event: Tree, scripts: frozenset[str]) -> None:
        """Warn of a fault of scripts at an event that has none, where these events have some."""
        if event.text not in scripts:
            revision = fault.get("where", "revision")
            whose = f"the AppSpec of {revision.text} names" if revision is not None else "the AppSpecs name"
            message = f"{whose} no script for {event.text}, so the fault strikes nothing"
            remedy = f"name an event that has one: {either(sorted(scripts))}" if scripts else "give the AppSpec one"
            self._warn(event.place, message, remedy)

    def _events_with_scripts(self, fault: Tree) -> frozenset[str] | None:
        """The events at which a fault can find scripts; None where some AppSpec cannot be read."""
        only = fault.get("where", "revision")
        revisions = self._tree.get("revisions")
        found: frozenset[str] = frozenset()
        for name in revisions.entries if revisions is not None else ():
            if only is not None and only.text != name:
                continue
            path = self.bundles.get(name)
            if path is None or (events := script_events(path)) is None:
                return None
            found |= events
        return found if only is None or only.text in self._facts.revisions else None
