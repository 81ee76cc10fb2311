/** Makes the repository that the environment names. */
export const initArgv: readonly string[] = ["init", "--json"];
