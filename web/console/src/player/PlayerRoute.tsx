import { usePlace } from "../routes/playerPlace";

/** The player's page. */
export default function PlayerRoute() {
  const { id } = usePlace();
  return <p>{id}</p>;
}
