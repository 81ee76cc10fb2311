/** The version of this agent; equal to package.json's, which a test checks. */
export const AGENT_VERSION = "0.1.0";
