// A relay as one would first write it: one manager connection per browser, a room per agent, rows in SQLite.
// It speaks enough of longshore's events for the same load to run on both. Passwords are not checked.
//
//   node relay.mjs manager <database>      prints {"url"} and serves /agents
//   node relay.mjs controller <managerUrl> prints {"url"} and serves /clients
import { createServer } from "node:http";
import { Server } from "socket.io";

const [role, argument] = process.argv.slice(2);
const http = createServer();
const io = new Server(http, { maxHttpBufferSize: 8 << 20 });

if (role === "manager") await serveAgents(argument);
else await serveClients(argument);

http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ url: `http://127.0.0.1:${http.address().port}` })));

async function serveAgents(path) {
  const { default: Database } = await import("better-sqlite3");
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL"); // as longshore: what is acknowledged is on disk
  db.exec("CREATE TABLE IF NOT EXISTS messages(agent TEXT, seq INTEGER, payload TEXT, PRIMARY KEY(agent, seq))");
  const head = db.prepare("SELECT coalesce(max(seq), 0) FROM messages WHERE agent = ?").pluck();
  const insert = db.prepare("INSERT INTO messages VALUES (?, ?, ?)");
  const all = db.prepare("SELECT payload FROM messages WHERE agent = ? ORDER BY seq").pluck();

  const agents = io.of("/agents");
  const say = (agentId, body) => {
    const payload = { agentId, seq: head.get(agentId) + 1, timestamp: new Date().toISOString(), ...body };
    insert.run(agentId, payload.seq, JSON.stringify(payload));
    agents.to(agentId).emit("chatMessage", payload);
  };
  agents.on("connection", (socket) => {
    socket.on("login", ({ agentId }, ack) => {
      ack?.({ success: true, data: { agentId } });
      for (const payload of all.all(agentId)) socket.emit("chatMessage", JSON.parse(payload));
      socket.emit("historyEnd", { agentId, toSeq: head.get(agentId) });
      socket.join(agentId);
    });
    socket.on("chat", async ({ agentId, message }, ack) => {
      say(agentId, { from: "user", text: message });
      ack?.({ success: true, data: {} });
      const answer = (result) => say(agentId, { from: "agent", agentName: agentId, response: { type: "text", result } });
      const [, lines] = /^\/lines (\d+)$/.exec(message) ?? [];
      for (let line = 0; line < (lines ?? 0); line++) answer(`line ${line}`);
      const [, count, bytes] = /^\/flood (\d+) (\d+)$/.exec(message) ?? [];
      for (let sequence = 0; sequence < (count ?? 0); sequence++) {
        const timestamp = new Date().toISOString();
        agents.to(agentId).emit("chatEvent", { agentId, timestamp, sequence, kind: "assistantDelta", payload: { delta: "x".repeat(bytes) } });
        // A real agent's output comes in many reads.
        if (sequence % 64 === 63) await new Promise(setImmediate);
      }
      answer(message);
    });
  });
}

async function serveClients(managerUrl) {
  const { io: connect } = await import("socket.io-client");
  io.of("/clients").on("connection", (socket) => {
    let remote;
    socket.on("setClient", ({ clientId }, ack) => {
      remote = connect(`${managerUrl}/agents`, { transports: ["websocket"], forceNew: true });
      remote.onAny((event, payload) => socket.emit("forwardedEvent", { event, payload }));
      remote.once("connect", () => {
        socket.emit("clientSet", { clientId });
        ack?.({ success: true, data: { clientId } });
      });
    });
    socket.on("forward", ({ event, payload, agentId }, ack) => {
      remote.emit(event, { agentId, ...payload }, (answer) => ack?.(answer));
    });
    socket.on("disconnect", () => remote?.close());
  });
}
