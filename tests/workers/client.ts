import type { ClientSocket } from "../contract/relay-world.ts";

/** The test's end of a socket that an object accepted. */
export function clientOf(socket: WebSocket): ClientSocket {
  const frames: string[] = [];
  let closed: ClientSocket["closed"] = null;
  socket.addEventListener("message", (event) => void frames.push(event.data as string));
  socket.addEventListener("close", (event) => {
    closed = { code: event.code, reason: event.reason };
  });
  socket.accept();
  return {
    frames,
    get closed() {
      return closed;
    },
    send: (frame) => socket.send(frame),
    close: () => socket.close(1000),
  };
}
