/** Imported first by the entry: older versions of Node fail later and in obscure ways. */
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `restic-manager-agent needs Node 22.19 or newer; this is Node ${process.versions.node}. Install a newer Node and try again.\n`,
  );
  process.exit(1);
}
