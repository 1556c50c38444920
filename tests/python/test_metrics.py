"""A Prometheus parser reads what both tiers tell, and it is what was done."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

import socketio
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as classic

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / os.environ.get("LONGSHORE_BIN", "target/debug/longshore")
PATIENCE = 30
CHATS = 20


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.TemporaryDirectory()
        ports = ["--controller-port=0", "--manager-port=0"]
        cls.server = subprocess.Popen(
            [BINARY, "up", "--json", "--no-detect", *ports, f"--data-dir={cls.data.name}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        cls.info = json.loads(cls.server.stdout.readline())
        key = pathlib.Path(cls.data.name, "manager.key").read_text().strip()
        cls.tiers = {"controller": cls.info["token"], "manager": key}

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        status = cls.server.wait(PATIENCE)
        cls.server.stdout.close()
        cls.data.cleanup()
        assert status == 0, f"the server ended with {status}"

    def page(self, tier):
        request = urllib.request.Request(
            f"{self.info[tier]}/metrics", headers={"Authorization": f"Bearer {self.tiers[tier]}"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            self.assertIn("openmetrics-text", answer.headers["Content-Type"])
            return answer.read().decode()

    def scrape(self, tier):
        """Families by name. The parser is strict: it refuses names, units, order and histograms that are not sound."""
        text = self.page(tier)
        self.assertGreater(len(list(classic(text))), 10, "older servers read it, too")
        return {family.name: family for family in text_string_to_metric_families(text)}

    def value(self, families, name, **labels):
        samples = [sample for family in families.values() for sample in family.samples if sample.name == name]
        found = [s.value for s in samples if all(s.labels.get(key) == value for key, value in labels.items())]
        return sum(found)

    def chat(self, count):
        done = []
        client = socketio.Client()

        def heard(data):
            if data["event"] == "runEvent" and data["payload"]["state"] == "done":
                done.append(data["payload"]["seq"])

        client.on("forwardedEvent", heard, namespace="/clients")
        client.connect(
            self.info["controller"],
            namespaces=["/clients"],
            transports=["websocket"],
            auth={"token": self.info["token"]},
        )
        self.addCleanup(client.disconnect)
        agent = self.info["agents"][0]["agentId"]

        def call(event, payload):
            answer = client.call(event, payload, namespace="/clients", timeout=PATIENCE)
            self.assertTrue(answer["success"], answer)

        call("setClient", {"clientId": self.info["clientId"]})
        call("forward", {"event": "login", "agentId": agent, "payload": {"agentId": agent, "limit": 1}})
        for number in range(count):
            call("forward", {"event": "chat", "agentId": agent, "payload": {"message": f"{number}"}})
        while len(done) < count:
            client.sleep(0.01)
        return max(done)

    def test_what_is_told_is_what_was_done(self):
        before = {tier: self.scrape(tier) for tier in self.tiers}

        head = self.chat(CHATS)

        after = {tier: self.scrape(tier) for tier in self.tiers}
        grown = lambda tier, name, **labels: (
            self.value(after[tier], name, **labels) - self.value(before[tier], name, **labels)
        )
        self.assertEqual(grown("manager", "longshore_runs_ended_total", agent="echo", outcome="done"), CHATS)
        self.assertEqual(grown("manager", "longshore_entries_stored_total"), head)
        for name in ["queue", "first_output"]:
            self.assertEqual(grown("manager", f"longshore_run_{name}_seconds_count"), CHATS)
        self.assertEqual(grown("manager", "longshore_run_seconds_count"), CHATS)
        for tier in self.tiers:
            self.assertEqual(grown(tier, "longshore_commands_total", command="chat", outcome="ok"), CHATS)
            self.assertEqual(grown(tier, "longshore_command_seconds_count", command="chat"), CHATS)
        self.assertEqual(self.value(after["controller"], "longshore_links", state="connected"), 1)
        self.assertEqual(self.value(after["manager"], "longshore_runs"), 0)
        self.assertGreater(grown("controller", "longshore_sent_bytes_total"), CHATS * 100)
        for tier in self.tiers:
            self.check_growth(before[tier], after[tier])
            for sample in (s for family in after[tier].values() for s in family.samples):
                self.assertEqual(sample.labels["tier"], tier)

    def check_growth(self, before, after):
        """What only grows has only grown; each histogram's buckets add up."""
        for name, family in before.items():
            if family.type not in ("counter", "histogram"):
                continue
            known = {(s.name, tuple(sorted(s.labels.items()))): s.value for s in family.samples}
            now = {(s.name, tuple(sorted(s.labels.items()))): s.value for s in after[name].samples}
            for key, value in known.items():
                self.assertGreaterEqual(now[key], value, key)

    def test_whoever_shows_nothing_is_told_nothing(self):
        for tier in self.tiers:
            for headers in [{}, {"Authorization": "Bearer wrong"}]:
                request = urllib.request.Request(f"{self.info[tier]}/metrics", headers=headers)
                with self.assertRaises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(request, timeout=PATIENCE)
                self.assertEqual(refused.exception.code, 401)
                refused.exception.close()


if __name__ == "__main__":
    unittest.main()
