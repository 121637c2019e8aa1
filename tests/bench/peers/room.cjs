// One room on node and the npm package ws: what anybody says goes to everybody, as it came.
//   node room.cjs HOST PORT

const { WebSocketServer } = require("ws");

const [host, port] = process.argv.slice(2);
const room = new WebSocketServer({ host, port: Number(port), backlog: 1024, perMessageDeflate: false });

room.on("connection", (member) => {
  member.on("error", () => member.terminate());
  member.on("message", (said) => {
    for (const each of room.clients) each.send(said, { binary: false });
  });
});
