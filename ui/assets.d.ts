/** Files that the build copies under a hashed name: their address. */
declare module "*.svg" {
  const address: string;
  export default address;
}
