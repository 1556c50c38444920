"""The Python client of other people holds a conversation with the controller, over both transports."""

import json
import os
import pathlib
import queue
import subprocess
import tempfile
import unittest

import socketio

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / os.environ.get("LONGSHORE_BIN", "target/debug/longshore")
PATIENCE = 30


class Conversation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.TemporaryDirectory()
        ports = ["--controller-port=0", "--manager-port=0"]
        cls.server = subprocess.Popen(
            [BINARY, "up", "--json", *ports, f"--data-dir={cls.data.name}"], stdout=subprocess.PIPE, text=True
        )
        cls.info = json.loads(cls.server.stdout.readline())

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        status = cls.server.wait(PATIENCE)
        cls.server.stdout.close()
        cls.data.cleanup()
        assert status == 0, f"the server ended with {status}"

    def converse(self, transport):
        events = queue.Queue()
        client = socketio.Client()
        client.on("*", lambda event, data=None: events.put((event, data)), namespace="/clients")
        client.connect(
            self.info["controller"], namespaces=["/clients"], transports=[transport], auth={"token": self.info["token"]}
        )
        self.addCleanup(client.disconnect)
        agent = self.info["agents"][0]["agentId"]

        def call(event, payload):
            answer = client.call(event, payload, namespace="/clients", timeout=PATIENCE)
            self.assertTrue(answer["success"], answer)
            return answer["data"]

        call("setClient", {"clientId": self.info["clientId"]})
        call("forward", {"event": "login", "agentId": agent, "payload": {"agentId": agent}})
        message = f"grüß dich über {transport}"
        accepted = call("forward", {"event": "chat", "agentId": agent, "payload": {"message": message}})

        run = []
        while True:
            event, data = events.get(timeout=PATIENCE)
            if event != "forwardedEvent" or data["payload"].get("runId") != accepted["runId"]:
                continue
            if data["payload"].get("seq"):
                run.append(data["payload"])
            if data["event"] == "runEvent" and data["payload"]["state"] in ("done", "cancelled", "failed"):
                break
        self.assertEqual([p["seq"] for p in run], list(range(accepted["seq"], accepted["seq"] + 4)))
        self.assertEqual(run[0]["text"], message)
        self.assertEqual(run[2]["response"], {"type": "text", "result": message})

    def test_websocket(self):
        self.converse("websocket")

    def test_polling(self):
        self.converse("polling")

    def test_a_wrong_token_is_refused(self):
        client = socketio.Client(reconnection=False)
        with self.assertRaises(socketio.exceptions.ConnectionError):
            client.connect(self.info["controller"], namespaces=["/clients"], auth={"token": "ls_wrong"})


if __name__ == "__main__":
    unittest.main()
