"""`longshore connect` in a terminal: what is typed, what is seen, which keys do what."""

import os
import pathlib
import signal
import stat
import tempfile
import time
import unittest

from terminal import BINARY, Server, Terminal

UP, LEFT = "\x1b[A", "\x1b[D"
ESCAPE, INTERRUPT, END = "\x1b", "\x03", "\x04"
PASTE = "\x1b[200~{}\x1b[201~"
WORDS = [f"word{n}" for n in range(1, 9)]
# Writes a word at a time, each when the test says so by a file.
SLOW = "slow=sh -c 'while read x; do n=0; while [ $n -lt 8 ]; do n=$((n+1)); until [ -e {}/$n ]; do sleep 0.02; done; printf \"word$n \"; done; echo; done'"


class Connect(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("hostile=sh -c 'while read x; do printf \"a\\033[2Jb\\033]0;title\\007c\\n\"; done'")

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def connect(self, *args, server=None, **options):
        data = (server or self.server).data
        terminal = Terminal([BINARY, "connect", f"--data-dir={data}", *args], **options)
        self.addCleanup(terminal.close)
        return terminal.until(is_prompting)

    def alone(self, *args, **options):
        """In a conversation that nobody else is in."""
        return self.connect("--memory", "--history=0", *args, **options)

    def leave(self, terminal):
        terminal.type(END)
        self.assertEqual(terminal.ended(), 0, terminal.text())
        self.assertFalse(terminal.is_raw())

    def test_a_line_is_edited_sent_and_answered_with_the_time_it_took(self):
        terminal = self.alone()

        terminal.type("hllo 漢字x\x7f\x7f")
        terminal.until("> hllo 漢")
        terminal.type(LEFT * 5 + "e\r")

        terminal.until("echo: hello 漢").until(lambda t: any(line.strip().endswith((" ms", " s")) for line in t.lines()))
        terminal.until(is_prompting)
        self.assertIn("> hello 漢", terminal.lines())
        self.leave(terminal)

    def test_what_was_typed_is_there_the_next_time_and_for_its_owner_only(self):
        self.leave(self.typed("remember me"))
        mode = stat.S_IMODE(os.stat(pathlib.Path(self.server.data, "cli-history")).st_mode)
        terminal = self.alone()

        terminal.type(UP)

        terminal.until("> remember me")
        self.assertEqual(mode, 0o600)
        terminal.type(ESCAPE)
        self.leave(terminal.until(is_prompting))

    def typed(self, text):
        terminal = self.alone()
        terminal.type(f"{text}\r")
        return terminal.until(f"echo: {text}")

    def test_lines_that_are_typed_ahead_are_all_sent(self):
        terminal = self.alone()

        terminal.type("one\rtwo\rthree\r")

        for text in ("one", "two", "three"):
            terminal.until(f"echo: {text}")
        self.leave(terminal.until(is_prompting))

    def test_what_is_pasted_waits_for_enter_and_is_one_message(self):
        terminal = self.alone()

        terminal.type(PASTE.format("first\nsecond\nthird"))
        terminal.until("third")
        self.assertNotIn("echo:", terminal.text())
        terminal.type("!\r")

        terminal.until("third!\n").until(lambda t: t.text().count("third!") == 2)
        self.assertEqual(terminal.text().count("echo:"), 1)
        self.leave(terminal)

    def test_an_answer_is_streamed_above_what_is_typed(self):
        with slow() as (server, allow):
            terminal = self.connect("slow", server=server)
            terminal.type("go\r")
            allow(3)
            terminal.until("slow: word1 word2 word3")

            terminal.type("I type")
            terminal.until(lambda t: t.lines()[-1] == "> I type")
            allow(8)
            terminal.until("slow: " + " ".join(WORDS)).until(lambda t: t.lines()[-1] == "> I type")
            self.assertEqual(terminal.text().count("word1"), 1, terminal.text())
            self.assertEqual(terminal.text().count("word8"), 1, terminal.text())
            terminal.type(INTERRUPT)
            terminal.until(is_prompting)
            terminal.type(END)
            self.assertEqual(terminal.ended(), 0)

    def test_a_terminal_may_become_narrow_while_an_answer_is_streamed(self):
        with slow() as (server, allow):
            terminal = self.connect("slow", server=server)
            terminal.type("go\r")
            allow(2)
            terminal.until("slow: word1 word2")
            terminal.resize(40, 24)
            allow(8)

            terminal.until("word8").until(is_prompting)
            said = terminal.text().replace("\n", " ")
            for word in WORDS:
                self.assertEqual(said.count(word), 1, terminal.text())

    def test_escape_clears_and_twice_cancels_all(self):
        # Twice is within a second, which a busy machine may miss.
        for _ in range(5):
            terminal = self.alone()
            terminal.type("//stall\rwaits 1\rwaits 2\r")
            terminal.until("queued, 2 before it")
            terminal.type("half a line")
            terminal.until("> half a line")

            began = time.monotonic()
            terminal.type(ESCAPE)
            terminal.until(is_prompting)
            self.assertNotIn("cancelled", terminal.text())
            terminal.type(ESCAPE)
            terminal.until("-- cancelled")

            if time.monotonic() - began < 1:
                break
        terminal.until(lambda t: t.text().count("-- cancelled") == 3)
        self.assertNotIn("echo: waits", terminal.text())
        self.leave(terminal.until(is_prompting))

    def test_one_escape_cancels_what_runs_and_no_more(self):
        terminal = self.alone()
        terminal.type("//stall\r")
        terminal.type("the next\r")
        terminal.until("queued, 1 before it")

        terminal.type(ESCAPE)

        terminal.until("-- cancelled").until("echo: the next")
        self.assertEqual(terminal.text().count("-- cancelled"), 1)
        self.leave(terminal)

    def test_interrupt_cancels_and_twice_leaves(self):
        terminal = self.alone()
        terminal.type("//stall\rthe next\r")
        terminal.until("queued, 1 before it")
        terminal.type(INTERRUPT)
        terminal.until("-- cancelled").until("echo: the next").until(is_prompting)

        terminal.type("x")
        terminal.until("> x")
        terminal.type(END)
        terminal.type(INTERRUPT)
        terminal.until(is_prompting)
        terminal.type(INTERRUPT + INTERRUPT)

        self.assertEqual(terminal.ended(), 0)
        self.assertFalse(terminal.is_raw())

    def test_a_question_is_answered_and_others_see_who_did(self):
        one, two = self.connect(), self.connect()
        one.type("//ask red green\r")
        for terminal in (one, two):
            terminal.until("echo asks: Which?").until("  1. red").until("  2. green")

        two.type("2\r")

        two.until("-- answered: green")
        one.until("-- [answered by owner: green]").until("echo: answer: resolved green")
        two.until("owner: /ask red green")
        self.leave(one)
        self.leave(two)

    def test_a_text_is_asked_for_and_a_question_declined(self):
        terminal = self.alone()
        terminal.type("//asktext 20000\r")
        terminal.until("the next line is the answer")
        terminal.type("any text\r")
        terminal.until("-- answered: any text")

        terminal.type("//ask red green\r")
        terminal.until("answer with 1 to 2")
        terminal.type("/decline\r")

        terminal.until("-- the question was cancelled")
        self.leave(terminal.until(is_prompting))

    def test_conversations_are_made_switched_renamed_and_deleted(self):
        terminal = self.connect("--conversation", self.made("first"))
        terminal.type("/conversation new second\r")
        terminal.until("Created conversation 'second'").until('Switch to "second" now? (y/N)')
        terminal.type("y\r")
        terminal.until('Switched to conversation "second".')
        terminal.type("here\r")
        terminal.until("echo: here")

        terminal.type("/conversation delete second\r")
        terminal.until('Cannot delete the currently active conversation "second".')
        terminal.type("/conversation rename second 2nd\r")
        terminal.until("to '2nd'")
        terminal.type("/conversation switch frist\r")
        terminal.until('Switched to conversation "first".')
        terminal.type("/conversation list\r")
        terminal.until("▸ first").until("  2nd")
        terminal.type("/conversation sw\t")
        terminal.until("> /conversation switch ")
        terminal.type("2n\t\r")
        terminal.until(lambda t: t.text().count('Switched to conversation "2nd".') == 1)
        terminal.type("/conversation switch nowhere at all\r")
        terminal.until('No conversation named or matching "nowhere at all" found.')
        terminal.type("/conversation delete first\r")
        terminal.until('Delete conversation "first" and all its data? (y/N)')
        terminal.type("y\r")
        terminal.until("Deleted conversation")
        self.leave(terminal.until(is_prompting))

    def made(self, name):
        made = self.server.run("conversations", "create", name)
        self.assertEqual(made.returncode, 0, made.stderr)
        return name

    def test_commands_help_and_name_the_nearest(self):
        terminal = self.alone()

        terminal.type("/help\r")
        terminal.until("/conversation new [name]")
        terminal.type("/hlep\r")
        terminal.until("did you mean /help?")
        terminal.type("said\r")
        terminal.until("echo: said")
        terminal.type("/history 5\r")
        terminal.until(lambda t: t.text().count("echo: said") == 2)
        terminal.type("/agents\r")
        terminal.until("▸ echo").until("  hostile")
        terminal.type("/queue\r")
        terminal.until("Nothing runs.")
        terminal.type("/exit\r")
        self.assertEqual(terminal.ended(), 0)

    def test_another_agent_is_talked_to_without_leaving(self):
        terminal = self.connect()
        terminal.type("/agents hostile\r")
        terminal.until("Switched to conversation")

        terminal.type("x\r")

        terminal.until("hostile: a\ufffd[2Jb\ufffd]0;title\ufffdc")
        self.assertNotIn(b"\x1b[2J", terminal.raw)
        self.assertNotIn(b"\x1b]0;", terminal.raw)
        self.leave(terminal)

    def test_it_reconnects_and_what_is_typed_meanwhile_is_sent_once(self):
        server = Server()
        self.addCleanup(server.close)
        terminal = self.connect(server=server)
        terminal.type("before\r")
        terminal.until("echo: before")

        server.kill()
        terminal.until("-- connection lost, reconnecting")
        terminal.type("typed while away\r")
        terminal.until("it is sent when the connection is back")
        server.start()

        terminal.until("-- connected again").until("echo: typed while away")
        for text in ("echo: before", "echo: typed while away"):
            self.assertEqual(terminal.text().count(text), 1, terminal.text())
        terminal.type("after\r")
        terminal.until("echo: after")
        self.leave(terminal)

    def test_it_may_be_told_to_leave_when_the_connection_is_lost(self):
        server = Server()
        self.addCleanup(server.close)
        terminal = self.connect("--no-reconnect", server=server)

        server.kill()

        self.assertEqual(terminal.ended(), 1)
        self.assertIn("the connection was lost", terminal.text())
        self.assertFalse(terminal.is_raw())
        server.start()

    def test_a_signal_gives_the_terminal_back(self):
        terminal = self.alone()
        terminal.until(lambda t: t.is_raw())

        terminal.signal(signal.SIGTERM)

        self.assertEqual(terminal.ended(), 0)
        self.assertFalse(terminal.is_raw())
        self.assertTrue(terminal.raw.rstrip().endswith(b"\x1b[?2004l"), terminal.raw[-100:])

    def test_colours_are_for_who_wants_them(self):
        for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"CLICOLOR": "0"}, False)):
            terminal = self.alone(**env)
            terminal.type("x\r")
            terminal.until("echo: x").until(is_prompting)
            self.assertEqual(b"\x1b[36m" in terminal.raw or b"\x1b[2m" in terminal.raw, coloured, env)
            self.leave(terminal)

    def test_a_dumb_terminal_gets_lines(self):
        terminal = self.alone(TERM="dumb")

        terminal.type("hello\n")

        terminal.until("echo: hello")
        self.assertNotIn(b"\x1b", terminal.raw)
        terminal.type("/exit\n")
        self.assertEqual(terminal.ended(), 0)

    def test_it_goes_on_where_it_was_and_says_when_that_is_gone(self):
        name = self.made("gone soon")
        terminal = self.connect("--conversation", name)
        terminal.type("in here\r")
        terminal.until("echo: in here")
        self.leave(terminal)
        again = self.connect("--resume")
        again.until("echo: in here").until("─── now ───")
        self.leave(again)

        self.assertEqual(self.server.run("conversations", "delete", name, "-y").returncode, 0)
        terminal = Terminal([BINARY, "connect", "--resume", f"--data-dir={self.server.data}"])
        self.addCleanup(terminal.close)
        terminal.until("The last used conversation no longer exists on the server.").until("[y/N]")
        terminal.type("n\n")
        self.assertEqual(terminal.ended(), 1)

    def test_who_is_deleted_under_goes_on_in_the_default_conversation(self):
        name = self.made("pulled away")
        terminal = self.connect("--conversation", name)

        self.assertEqual(self.server.run("conversations", "delete", name, "-y").returncode, 0)

        terminal.until("-- the conversation was deleted").until('Switched to conversation "CLI".')
        terminal.type("still there\r")
        terminal.until("echo: still there")
        self.leave(terminal)

    def test_a_request_is_answered_before_anybody_types(self):
        terminal = self.alone("--request", "first of all", "--no-exit")
        terminal.until("echo: first of all")
        self.leave(terminal)

        leaves = Terminal([BINARY, "connect", "--memory", "--request", "only this", f"--data-dir={self.server.data}"])
        self.addCleanup(leaves.close)
        self.assertEqual(leaves.ended(), 0)
        self.assertIn("echo: only this", leaves.text())

    def test_a_run_streams_to_a_terminal_and_is_cancelled_by_interrupt(self):
        terminal = Terminal([BINARY, "run", "/stream 3 abc", f"--data-dir={self.server.data}"])
        self.addCleanup(terminal.close)
        self.assertEqual(terminal.ended(), 0)
        self.assertEqual(terminal.text(), "abc abc abc")

        stalled = Terminal([BINARY, "run", "/stall", "--json", f"--data-dir={self.server.data}"])
        self.addCleanup(stalled.close)
        stalled.until('"state":"started"')
        stalled.type(INTERRUPT)
        self.assertEqual(stalled.ended(), 130)
        self.assertIn('"outcome":"cancelled"', stalled.text().replace("\n", ""))

    def test_where_no_server_runs_one_is_started_and_may_be_stopped_from_the_talk(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        terminal = Terminal([BINARY, "connect", f"--data-dir={directory.name}"], LONGSHORE_NO_DETECT="true")
        self.addCleanup(terminal.close)
        terminal.until("longshore started.").until(is_prompting)
        terminal.type("hello\r")
        terminal.until("echo: hello")

        terminal.type("/shutdown\r")
        terminal.until("Stop the server, for everybody? (y/N)")
        terminal.type("n\r")
        terminal.until("Aborted.")
        terminal.type("/shutdown\r")
        terminal.until(lambda t: t.text().count("Stop the server") == 2)
        terminal.type("y\r")

        terminal.until("-- connection lost, reconnecting")
        terminal.type(END)
        self.assertEqual(terminal.ended(), 0)

    def test_deleting_asks(self):
        self.made("asked about")
        for answer, says in (("n", "Aborted."), ("y", "Deleted conversation")):
            terminal = Terminal([BINARY, "conversations", "delete", "asked about", f"--data-dir={self.server.data}"])
            self.addCleanup(terminal.close)
            terminal.until("and all its data? (y/N)")
            terminal.type(f"{answer}\n")
            self.assertEqual(terminal.ended(), 0)
            self.assertIn(says, terminal.text())


def is_prompting(terminal):
    """Whether the line is there, and empty."""
    return bool(terminal.lines()) and terminal.lines()[-1] in (">", "> ")


class slow:
    """A server with an agent that says the next word when it is allowed to."""

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.server = Server(SLOW.format(self.directory.name))
        return self.server, self.allow

    def allow(self, words):
        for n in range(1, words + 1):
            pathlib.Path(self.directory.name, str(n)).touch()

    def __exit__(self, *_):
        self.server.close()
        self.directory.cleanup()


if __name__ == "__main__":
    unittest.main()
