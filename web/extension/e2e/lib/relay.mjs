/** The network between the browser and a server: passes on what comes, until it is cut, with whatever is on its way. */
import { connect, createServer } from "node:net";

export class Relay {
  #to;
  #server = null;
  #sockets = new Set();

  /** `to`: the port of the server, on this machine. */
  constructor(to) {
    this.#to = to;
  }

  async mend(port = this.port ?? 0) {
    this.#server = createServer((near) => {
      const far = connect(this.#to, "127.0.0.1");
      for (const [one, other] of [
        [near, far],
        [far, near],
      ]) {
        this.#sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    await new Promise((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    this.port = this.#server.address().port;
  }

  cut() {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  /** Makes a browser take this way to the server. */
  get flag() {
    return `--host-resolver-rules=MAP localhost:${this.#to} 127.0.0.1:${this.port}`;
  }
}
