/** Cuts the link to the relays on purpose; everything goes on here and catches up later. */
export function OfflineSwitch({ off, onChange }: { off: boolean; onChange: (off: boolean) => void }) {
  return (
    <button
      type="button"
      className="switch"
      role="switch"
      aria-checked={off}
      aria-label="Work offline"
      title="Cut the link to the relays; changes wait on this device"
      onClick={() => onChange(!off)}
    >
      <span className="words">Work offline</span>
      <span className="track" />
    </button>
  );
}
