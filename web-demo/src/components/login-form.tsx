import { useState } from "react";

/** Takes the token that whoever runs the relay has handed out. */
export function LoginForm({ onToken }: { onToken: (token: string) => void }) {
  const [token, setToken] = useState("");
  return (
    <form
      className="login"
      onSubmit={(event) => {
        event.preventDefault();
        if (token.trim() !== "") onToken(token.trim());
      }}
    >
      <input
        className="field"
        type="password"
        aria-label="Token"
        placeholder="Token"
        autoComplete="off"
        value={token}
        onChange={(event) => setToken(event.target.value)}
      />
      <button type="submit" className="button">
        Log in
      </button>
    </form>
  );
}
