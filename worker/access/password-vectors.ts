/**
 * One set of vectors for every argon2id implementation: the server's two and the oracle. Made with @noble/hashes; the
 * unit tests run them on Node, the workers tests in workerd.
 */
export const PASSWORD_VECTORS: readonly { password: string; phc: string; matches: boolean }[] = [
  {
    password: "correct horse battery staple",
    phc: "$argon2id$v=19$m=19456,t=2,p=1$vl73Z52Iq5qQRfYmflX15Q$eALsXUi2WJJ366v73OhqthXrg3EIAQ4jp4xFkqmk7I4",
    matches: true,
  },
  {
    password: "correct horse battery stapler",
    phc: "$argon2id$v=19$m=19456,t=2,p=1$vl73Z52Iq5qQRfYmflX15Q$eALsXUi2WJJ366v73OhqthXrg3EIAQ4jp4xFkqmk7I4",
    matches: false,
  },
  {
    // decomposed; the hash was made of the composed form
    password: "pa\u0308sswo\u0308rd u\u0308ni\u0308code",
    phc: "$argon2id$v=19$m=19456,t=2,p=1$DkF2NPCDDcfOoDGq6hbBFQ$xC7evCZoIJwnY9Y/eatwkgIR1EUaN9wCjN0nbKxhvzw",
    matches: true,
  },
  {
    password: "a different cost",
    phc: "$argon2id$v=19$m=4096,t=3,p=2$MKYa5JRTvffmoSekvYBHqw$wThLgyDiayVB8qAjoTAq+HUOuZdXmDD3///l81/me24",
    matches: true,
  },
  {
    password: "other lengths too",
    phc: "$argon2id$v=19$m=8192,t=1,p=1$0AWt0QphJSk$lYA50a/6KPTXgse7ZKrbsQ",
    matches: true,
  },
  {
    password: "x".repeat(256),
    phc: "$argon2id$v=19$m=19456,t=2,p=1$A3SOHbN+Zq/qt/fpO9dxag$9d6+D4vASaZbnrHqQv/6gKr5SwHSmipxoPmhGDV70wM",
    matches: true,
  },
  {
    // cut off at 72 bytes these would be equal
    password: `${"x".repeat(255)}y`,
    phc: "$argon2id$v=19$m=19456,t=2,p=1$A3SOHbN+Zq/qt/fpO9dxag$9d6+D4vASaZbnrHqQv/6gKr5SwHSmipxoPmhGDV70wM",
    matches: false,
  },
];
