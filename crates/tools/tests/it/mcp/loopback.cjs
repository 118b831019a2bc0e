// Makes a server of the tests listen on 127.0.0.1 alone, on a free port that it
// prints, whatever it was written to do. Loaded before the server with `node -r`.
const net = require("node:net");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (_port, ...rest) {
  const then = rest.find((part) => typeof part === "function");
  return listen.call(this, { host: "127.0.0.1", port: 0 }, () => {
    console.error(`port ${this.address().port}`);
    if (then) then();
  });
};
