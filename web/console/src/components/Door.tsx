import type { ReactNode } from "react";
import { Logo } from "./Brand";
import "../styles/sign-in.css";

/** A page for those who are not in yet: one card under the light. */
export function Door({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className="door">
      <div className="door-arch" aria-hidden="true" />
      <section className="card door-card">
        <p className="brand">
          <Logo />
          Clerestory
        </p>
        <h1>{title}</h1>
        {children}
      </section>
    </main>
  );
}

interface DoorFieldProps {
  name: string;
  label: string;
  type?: "text" | "email" | "password";
  complete: string;
  maxLength?: number;
  wrong?: boolean;
}

/** A field of such a page. Its name is its id: there is one of each. */
export function DoorField({
  name,
  label,
  type = "text",
  complete,
  maxLength,
  wrong = false,
}: DoorFieldProps) {
  return (
    <div className="fld">
      <label htmlFor={name}>{label}</label>
      <input
        className="in"
        id={name}
        name={name}
        type={type}
        autoComplete={complete}
        maxLength={maxLength}
        required
        aria-invalid={wrong}
      />
    </div>
  );
}

/** Whether a password was typed the same way twice. */
export function sameTwice(form: FormData): boolean {
  return String(form.get("password") ?? "") === String(form.get("again") ?? "");
}
