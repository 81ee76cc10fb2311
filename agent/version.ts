/** The version of this agent; equal to package.json's, which a test checks. */
export const AGENT_VERSION = "0.1.0";

/** Replaced when the agent is bundled; run from source it does not exist. */
declare const RM_BUILD_COMMIT: string | null;

/** The git commit this agent was built from, `-dirty` behind it when files were changed; null when it is not known. */
export const AGENT_COMMIT: string | null = typeof RM_BUILD_COMMIT === "undefined" ? null : RM_BUILD_COMMIT;
