/** Three windows, one of them lit. */
export function Logo() {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true">
      <defs>
        <linearGradient id="logo-light" x1="0" y1="0" x2="0" y2="1">
          <stop stopColor="#f3bb45" stopOpacity=".95" />
          <stop offset="1" stopColor="#f3bb45" stopOpacity=".12" />
        </linearGradient>
      </defs>
      <path
        fill="currentColor"
        opacity=".62"
        d="M2.5 11V5a2.250 2.250 0 0 1 4.5 0v6zM17 11V5a2.250 2.250 0 0 1 4.5 0v6z"
      />
      <path fill="#f3bb45" d="M9.750 11V5a2.250 2.250 0 0 1 4.5 0v6z" />
      <path fill="url(#logo-light)" d="M9.750 12.500h4.500L18.500 23h-13z" />
    </svg>
  );
}
