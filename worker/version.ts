/** This server's version, as GET /api/status and the log say it. */
export const VERSION = "0.1.0";
