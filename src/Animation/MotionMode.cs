namespace Lia;

/// <summary>How the driving motion is transferred to the source.</summary>
public enum MotionMode
{
    /// <summary>What the model was trained for: absolute for a model of the variant ted, relative otherwise.</summary>
    Auto,
    /// <summary>The source's own pose plus the driving motion since the first frame.</summary>
    Relative,
    /// <summary>The driving pose itself.</summary>
    Absolute,
}
