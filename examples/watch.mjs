// Follow alarms as a named consumer, miss none: node watch.mjs http://127.0.0.1:8000 TOKEN NAME
// Node 22 or newer (20 with --experimental-websocket), nothing installed; a browser takes the same.
const [url, token, consumer] = process.argv.slice(2);
const revisions = new Map(); // alarm id -> newest revision taken: a second delivery changes nothing
let pause_ms = 500;

function take(event) {
  const alarm = event.data;
  if (alarm.rev <= (revisions.get(alarm.id) ?? 0)) return;
  revisions.set(alarm.id, alarm.rev);
  console.log(event.type, alarm.tier, alarm.state ?? alarm.stage, event.source, event.subject, alarm.message.zh);
}

function connect() {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/ws/v1/alarms`, "fengsui.alarm.v1+json");
  const send = (frame) => socket.send(JSON.stringify(frame));
  let last, heard = Date.now(), ended = false;
  const watchdog = setInterval(() => Date.now() - heard > 15_000 && socket.close(), 1_000);
  socket.onopen = () => {
    send({ op: "auth", token });
    send({ op: "subscribe", sub: "a", filter: { tier_min: "yellow" }, from: { consumer } });
  };
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    heard = Date.now();
    if (frame.op === "subscribed" || frame.op === "snapshot_end") last = frame.offset;
    else if (frame.op === "urgent" || frame.snapshot) take(frame.event);
    else if (frame.op === "event" || frame.op === "heartbeat") {
      if (frame.prev !== last) return socket.close(); // a gap: the server sends it again
      if (frame.op === "heartbeat") return;
      take(frame.event);
      last = frame.offset;
      pause_ms = 500;
      send({ op: "ack", sub: "a", offset: last });
    } else if (frame.op === "goaway") pause_ms = frame.retry_after_s * 1_000;
    else if (frame.op === "error") console.error(frame.code, frame.error);
  };
  socket.onerror = socket.onclose = ({ code, reason }) => {
    if (ended) return; // an error and a close may both be told, or one of them
    ended = true;
    clearInterval(watchdog);
    if ([4401, 4403].includes(code)) {
      console.error(reason); // this token is not let in
      process.exitCode = 1;
      return;
    }
    console.error(`no connection; trying again in ${pause_ms / 1_000} s`);
    setTimeout(connect, pause_ms + Math.random() * 500);
    pause_ms = Math.min(pause_ms * 2, 10_000);
  };
}
connect();
