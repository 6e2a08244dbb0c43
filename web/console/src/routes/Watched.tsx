export default function Watched() {
  return <h1>Watched</h1>;
}
