// A certified OpenID Connect provider for the tests: whoever signs in as NAME is NAME@example.org, of the group NAME.
import Provider from "oidc-provider";

const [port, redirect] = process.argv.slice(2);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: "fairgate", client_secret: "of the tests", redirect_uris: [redirect] }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"], groups: ["groups"] },
  scopes: ["openid", "email", "profile", "groups"],
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, name) => ({
    accountId: name,
    claims: () => ({ sub: name, name, email: `${name}@example.org`, email_verified: name !== "mallory", groups: [name] }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
